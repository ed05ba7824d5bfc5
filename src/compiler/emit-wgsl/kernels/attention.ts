import type { AttentionOptions } from '../../plan/kernel-plan.ts';
import { type Binding, type Constant, f32c, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import {
  enablesFor,
  halfRowLoader,
  halfRowsBinding,
  paddedRowLoader,
  quads,
  rowLoader,
  rowsBinding,
  vectorBinding,
} from '../storage.ts';
import { wgsl } from '../wgsl.ts';

/** What the attention kernels share: the key-column layout, the head groups, the mask and the logits. */
export interface AttentionParts {
  readonly enables: readonly 'f16'[];
  readonly constants: Readonly<Record<string, Constant>>;
  /** q, k, v and memory; the caller adds its outputs, then `sequencesBinding` and `stepBinding`. */
  readonly inputs: readonly Binding[];
  readonly perCall: readonly Binding[];
  /**
   * `query_head(kv_head, member)`, `keys_of(sequence)`, `key_at(batch, kv_head, column, quad)`, `value_at(…)`,
   * `visible(sequence, token, column)`, `load_q(row, quad)`.
   */
  readonly functions: readonly string[];
}

export function attentionParts(options: AttentionOptions): AttentionParts {
  const { heads, columns, keys, headDim, valueDim } = options;
  const memory = columns.memory > 0;
  return {
    enables: enablesFor(keys),
    constants: {
      Q_HEADS: u32c(heads.qHeads),
      KV_HEADS: u32c(heads.kvHeads),
      QUERIES_PER_KV: u32c(heads.queriesPerKv),
      HEAD_QUADS: u32c(quads(headDim)),
      VALUE_QUADS: u32c(quads(valueDim)),
      ...(memory && { MEMORY_SLOTS: u32c(columns.memory) }),
      // exp2 is the only exponential that WGSL promises precisely, so log2(e) is folded into the scale.
      SCALE_LOG2E: f32c(options.scale * Math.LOG2E),
      MASKED: f32c(-3e38),
    },
    inputs: [
      rowsBinding('q', headDim),
      keyRows('k', headDim, options).binding,
      keyRows('v', valueDim, options).binding,
      ...(memory ? [rowsBinding('memory_k', headDim), rowsBinding('memory_v', valueDim)] : []),
    ],
    perCall: [sequencesBinding, stepBinding],
    functions: [
      rowLoader('q', headDim),
      keyRows('k', headDim, options).loader,
      keyRows('v', valueDim, options).loader,
      ...(memory ? [rowLoader('memory_k', headDim), rowLoader('memory_v', valueDim)] : []),
      queryHead(options),
      columnReader('key_at', 'k', options),
      columnReader('value_at', 'v', options),
      columnCount(options),
    ],
  };
}

/** Rows of keys or values. Those of caches are padded to four entries; those that the app gives are not. */
function keyRows(name: 'k' | 'v', width: number, { keys, keyLayout }: AttentionOptions) {
  if (keyLayout === 'heads-first' || width % 4 === 0) {
    return { binding: vectorBinding(name, keys), loader: paddedRowLoader(name, keys, width) };
  }
  if (keys === 'f32') return { binding: rowsBinding(name, width), loader: rowLoader(name, width) };
  return { binding: halfRowsBinding(name), loader: halfRowLoader(name, width) };
}

/** Which query head is member g of a KV head's group: the one place that knows the group order. */
function queryHead({ heads }: AttentionOptions): string {
  const formula = heads.order === 'blocked' ? 'kv_head * QUERIES_PER_KV + member' : 'member * KV_HEADS + kv_head';
  return wgsl`
    fn query_head(kv_head: u32, member: u32) -> u32 {
      return ${formula};
    }`;
}

/** Columns are [memory | sequence]; every width and every mask follows from this one layout. */
function columnReader(name: string, source: 'k' | 'v', options: AttentionOptions): string {
  const sequence =
    options.keyLayout === 'heads-first'
      ? `load_${source}((batch * KV_HEADS + kv_head) * step.capacity + token, quad)`
      : `load_${source}((batch * step.capacity + token) * KV_HEADS + kv_head, quad)`;
  if (options.columns.memory === 0) {
    return wgsl`
      fn ${name}(batch: u32, kv_head: u32, token: u32, quad: u32) -> vec4f {
        return ${sequence};
      }`;
  }
  return wgsl`
    fn ${name}(batch: u32, kv_head: u32, column: u32, quad: u32) -> vec4f {
      if (column < MEMORY_SLOTS) {
        return load_memory_${source}(kv_head * MEMORY_SLOTS + column, quad);
      }
      let token = column - MEMORY_SLOTS;
      return ${sequence};
    }`;
}

/** Memory is always visible; the sequence up to the query's own position when causal, else to its end. */
function columnCount({ causal, columns, keyLayout }: AttentionOptions): string {
  const memory = columns.memory > 0 ? 'MEMORY_SLOTS + ' : '';
  const length = 'sequence.past + sequence.count';
  // With more given queries than keys the first queries stand before the first key: past is negative, in two's complement.
  const upTo = 'sequence.past + token + 1u';
  const own = keyLayout === 'tokens-first' ? `u32(max(bitcast<i32>(${upTo}), 0))` : upTo;
  return wgsl`
    fn visible_columns(sequence: Sequence, token: u32) -> u32 {
      return ${memory}${causal ? `min(${length}, ${own})` : length};
    }`;
}
