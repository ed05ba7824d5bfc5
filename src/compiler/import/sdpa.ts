import {
  assume,
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  specName,
  startLog,
} from './draft.ts';
import { type ConfigObject, type FieldTable, readFields } from './fields.ts';
import { biasDraft } from './tensor-list.ts';

const table: FieldTable = {
  unsupported: {},
  noEffect: [],
  silent: ['family', 'name', 'source', 'layout', 'batch', 'q_len', 'kv_len'],
};

/** Bare attention over given heads, as the golden family `sdpa` describes it. */
export function importSdpa(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  return { spec: importAttention(config, options, log), comments: log.comments, notes: log.notes };
}

function importAttention(config: ConfigObject, options: ImportOptions, log: ImportLog): SpecDraft | undefined {
  const fields = readFields(config, (key) => key, log);
  const qHeads = fields.requiredInteger('q_heads');
  const kvHeads = fields.positiveInteger('kv_heads');
  const order = fields.text('group_order');
  const headDim = fields.requiredInteger('head_dim');
  const valueDim = fields.positiveInteger('value_dim');
  const scale = fields.number('scale');
  const memory = fields.integerFrom('mem_kv', 0) ?? 0;
  const causal = fields.boolean('causal', false);
  const window = fields.positiveInteger('window');
  const softcap = fields.number('softcap');
  const sinks = fields.boolean('sinks', false);
  const biased = fields.boolean('bias', false);
  const tensors = fields.object('tensors') ?? {};
  fields.finish(table);
  const visible = window !== undefined && memory > 0;
  if (visible) assume(log, 'attention.mask', 'window', 'a window never hides memory');
  if (qHeads === undefined || headDim === undefined) return undefined;
  return compact({
    gqac: 1,
    name: specName(options.name, 'attention'),
    attention: compact({
      q_heads: qHeads,
      kv_heads: kvHeads ?? qHeads,
      group_order: order === 'blocked' ? undefined : order,
      head_dim: headDim,
      value_dim: valueDim === headDim ? undefined : valueDim,
      scale,
      bias: biased ? biasDraft(tensors, 'in.bias') : undefined,
      memory_kv: memory > 0 ? { slots: memory } : undefined,
      sinks: sinks || undefined,
      softcap,
      logits_order: softcap !== undefined && biased ? ['cap', 'bias'] : undefined,
      mask: maskOf({ causal: causal || undefined, window, memory: visible ? 'always' : undefined }),
    }),
    weights: weightsOf(memory > 0, sinks, options),
  });
}

function maskOf(entries: Parameters<typeof compact>[0]): SpecDraft | undefined {
  const mask = compact(entries);
  return Object.keys(mask).length > 0 ? mask : undefined;
}

function weightsOf(memory: boolean, sinks: boolean, options: ImportOptions): SpecDraft | undefined {
  if (!memory && !sinks) return undefined;
  const names = {
    ...(memory && { 'attn.memory_k': 'mem_k', 'attn.memory_v': 'mem_v' }),
    ...(sinks && { 'attn.sinks': 'sinks' }),
  };
  return compact({ file: options.weightsFile, names });
}
