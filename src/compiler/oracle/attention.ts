import type { HeadGroup } from '../check/shaped-spec.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, dot, type Tensor, zeros } from './tensor.ts';

/** One key column of a row: its logit, and where its value lies. The zero column has no value. */
interface Column {
  readonly logit: number;
  readonly values?: Float64Array;
  readonly at: number;
}

/** Softmax over the columns `[zero | memory | sequence]` that a query sees, written out row by row. */
export function evaluateAttention(node: AttentionNode, step: Step): Tensor {
  const { headDim, valueDim, heads } = node;
  const q = read(step, node.q).data;
  const out = zeros([step.batch, step.length, heads.qHeads, valueDim]);
  const columnsOf = columnReader(node, step);
  eachToken(step, (row, position, sequence) => {
    const end = node.causal ? position + 1 : (step.past[sequence] ?? 0) + (step.counts[sequence] ?? 0);
    for (let head = 0; head < heads.qHeads; head++) {
      const index = row * heads.qHeads + head;
      const columns = columnsOf(q, index * headDim, kvHeadOf(heads, head), sequence, Math.max(end, 0));
      writeRow(columns, out.data, index * valueDim, valueDim);
    }
  });
  return out;
}

function kvHeadOf(heads: HeadGroup, head: number): number {
  return heads.order === 'blocked' ? Math.floor(head / heads.queriesPerKv) : head % heads.kvHeads;
}

function columnReader(node: AttentionNode, step: Step) {
  const { headDim, valueDim, scale, columns } = node;
  const k = read(step, node.k);
  const v = read(step, node.v);
  const memory = node.memory && { k: read(step, node.memory.k).data, v: read(step, node.memory.v).data };
  const sequenceRow = rowIndex(node, k);
  return (q: Float64Array, at: number, kvHead: number, sequence: number, end: number): readonly Column[] => {
    const visible: Column[] = columns.zero === 1 ? [{ logit: 0, at: 0 }] : [];
    if (memory) {
      for (let slot = 0; slot < columns.memory; slot++) {
        const row = kvHead * columns.memory + slot;
        const logit = scale * dot(q, at, memory.k, row * headDim, headDim);
        visible.push({ logit, values: memory.v, at: row * valueDim });
      }
    }
    for (let j = 0; j < end; j++) {
      const row = sequenceRow(sequence, kvHead, j);
      const logit = scale * dot(q, at, k.data, row * headDim, headDim);
      visible.push({ logit, values: v.data, at: row * valueDim });
    }
    return visible;
  };
}

/** Row of the key at position j: `[B, K, C]` in a cache, `[B, J, K]` when the app gives the keys. */
function rowIndex(node: AttentionNode, k: Tensor): (sequence: number, kvHead: number, j: number) => number {
  const { kvHeads } = node.heads;
  if (node.keyLayout === 'tokens-first') {
    const length = k.shape[1] ?? 0;
    return (sequence, kvHead, j) => (sequence * length + j) * kvHeads + kvHead;
  }
  const capacity = k.shape[2] ?? 0;
  return (sequence, kvHead, j) => (sequence * kvHeads + kvHead) * capacity + j;
}

function writeRow(columns: readonly Column[], out: Float64Array, at: number, valueDim: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const { logit } of columns) largest = Math.max(largest, logit);
  let total = 0;
  for (const { logit } of columns) total += Math.exp(logit - largest);
  for (const { logit, values, at: valueAt } of columns) {
    if (values) addScaled(out, at, Math.exp(logit - largest) / total, values, valueAt, valueDim);
  }
}
