import {
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  specName,
  startLog,
} from './draft.ts';
import { type ConfigObject, type FieldTable, readFields } from './fields.ts';

const table: FieldTable = {
  unsupported: { window: [], softcap: [], sinks: [false], bias: [false] },
  noEffect: [],
  silent: ['family', 'name', 'source', 'layout', 'batch', 'q_len', 'kv_len', 'tensors'],
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
  fields.finish(table);
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
      memory_kv: memory > 0 ? { slots: memory } : undefined,
      mask: causal ? { causal: true } : undefined,
    }),
    weights: memoryWeights(memory, options),
  });
}

function memoryWeights(memory: number, options: ImportOptions): SpecDraft | undefined {
  if (memory === 0) return undefined;
  return compact({ file: options.weightsFile, names: { 'attn.memory_k': 'mem_k', 'attn.memory_v': 'mem_v' } });
}
