import {
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  say,
  specName,
  startLog,
} from '../draft.ts';
import { type ConfigObject, type FieldTable, isObject, readFields } from '../fields.ts';

const table: FieldTable = {
  unsupported: {},
  noEffect: ['dropout'],
  silent: ['context_length', 'dtype'],
};

/** Keyword arguments `{ kwargs }` of `MultiHeadAttention` or, with `num_kv_groups`, `GroupedQueryAttention` of LLMs-from-scratch. */
export function importLlmsFromScratch(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  const kwargs = isObject(config.kwargs) ? config.kwargs : {};
  return { spec: importAttention(kwargs, options, log), comments: log.comments, notes: log.notes };
}

/** Its `num_kv_groups` is the number of KV heads. Grouped attention has no bias on the output, plain attention always has one. */
function importAttention(kwargs: ConfigObject, options: ImportOptions, log: ImportLog): SpecDraft | undefined {
  const fields = readFields(kwargs, (key) => `kwargs.${key}`, log);
  const hidden = fields.requiredInteger('d_in');
  const outHidden = fields.requiredInteger('d_out');
  const heads = fields.requiredInteger('num_heads');
  const kvHeads = fields.positiveInteger('num_kv_groups');
  const qkvBias = fields.boolean('qkv_bias', false);
  fields.finish(table);
  if (hidden === undefined || outHidden === undefined || heads === undefined) return undefined;
  if (outHidden % heads !== 0) {
    const message = `${fields.path('d_out')} ${outHidden} is not a multiple of ${heads} heads: change one of them`;
    say(log, 'IMP005', fields.path('d_out'), message);
    return undefined;
  }
  const projections = qkvBias ? ['q', 'k', 'v'] : [];
  const biases = kvHeads === undefined ? [...projections, 'o'] : projections;
  return compact({
    gqac: 1,
    name: specName(options.name, 'attention'),
    attention: compact({
      q_heads: heads,
      kv_heads: kvHeads ?? heads,
      head_dim: outHidden / heads,
      biases: biases.length > 0 ? biases : undefined,
      mask: { causal: true },
      hidden,
      out_hidden: outHidden === hidden ? undefined : outHidden,
    }),
    weights: compact({ file: options.weightsFile, names: weightNames(biases) }),
  });
}

const layers: Readonly<Record<string, string>> = { q: 'W_query', k: 'W_key', v: 'W_value', o: 'out_proj' };

function weightNames(biases: readonly string[]): SpecDraft {
  const entries = Object.entries(layers).flatMap(([own, theirs]) => [
    [`attn.${own}.weight`, `${theirs}.weight`],
    ...(biases.includes(own) ? [[`attn.${own}.bias`, `${theirs}.bias`]] : []),
  ]);
  return Object.fromEntries(entries);
}
