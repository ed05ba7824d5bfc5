import { hiddenScore } from '../ir/hidden-score.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import { columnsOf, type KeyColumn, rowIndex } from './attention-columns.ts';
import { logitsOf, type QueryPlace, similarityOf } from './attention-logits.ts';
import { weightsOf } from './attention-weights.ts';
import { kvHeadOf } from './head-numbers.ts';
import { contextStep, eachToken, read, type Step } from './step.ts';
import { addScaled, type Tensor, zeros } from './tensor.ts';

/** One number for each head and each column that the query sees. */
type Grid = readonly (readonly number[])[];

/** Attention over the columns `[zero | memory | sequence]` that a query sees, written out row by row. */
export function evaluateAttention(node: AttentionNode, step: Step): Tensor {
  const { valueDim, heads } = node;
  const out = zeros([step.batch, step.length, heads.qHeads, valueDim]);
  const columns = columnsOf(node, step);
  const scores = scoresOf(node, step);
  const weights = rowWeightsOf(node, step);
  const addValues = valuesOf(node, step, out.data);
  const keep = keeperOf(node, step);
  eachToken(step, (row, position, sequence) => {
    const place = { sequence, position, token: row - sequence * step.length };
    const visible = columns(sequence, position);
    const { logits, pattern } = weights(scores(row, sequence, visible), place, visible);
    keep(place, visible, { scores: logits, pattern });
    addValues(pattern, row, sequence, visible);
  });
  return out;
}

/** Writes the rows that the node keeps, `[B, H, I, columns]`. */
function keeperOf({ kept = {}, columns, heads, cross }: AttentionNode, step: Step) {
  const { past, counts } = cross ? contextStep(step) : step;
  const prefix = columns.zero + columns.memory;
  const width = prefix + Math.max(...counts.map((count, b) => (past[b] ?? 0) + count));
  const shape = [step.batch, heads.qHeads, step.length, width];
  const targets = (['scores', 'pattern'] as const).flatMap((name) => {
    const tensor = kept[name];
    if (tensor === undefined) return [];
    const rows = zeros(shape);
    if (name === 'scores') rows.data.fill(hiddenScore);
    step.tensors.set(tensor, rows);
    return [{ name, data: rows.data }];
  });
  const columnAt = (column: KeyColumn) => {
    if (column.kind === 'zero') return 0;
    return column.kind === 'memory' ? columns.zero + column.slot : prefix + column.at;
  };
  return ({ sequence, token }: QueryPlace, visible: readonly KeyColumn[], rows: Record<'scores' | 'pattern', Grid>) => {
    for (const { name, data } of targets) {
      for (const [head, row] of rows[name].entries()) {
        const first = ((sequence * heads.qHeads + head) * step.length + token) * width;
        for (const [c, column] of visible.entries()) data[first + columnAt(column)] = finite(row[c] as number);
      }
    }
  };
}

/** What `mask.where` hides is a column that the query does not see. */
function finite(value: number): number {
  return value === Number.NEGATIVE_INFINITY ? hiddenScore : value;
}

/** Scaled similarities of a query with its columns. The zero column is a key of zeros. */
function scoresOf(node: AttentionNode, step: Step) {
  const { headDim, scale, columns, heads } = node;
  const q = read(step, node.q).data;
  const k = read(step, node.k);
  const memory = node.memory && read(step, node.memory.k).data;
  const zero = new Float64Array(headDim);
  const sequenceRow = rowIndex(node, k);
  const keyAt = (column: KeyColumn, kvHead: number, sequence: number): readonly [Float64Array, number] => {
    if (column.kind === 'sequence') return [k.data, sequenceRow(sequence, kvHead, column.at) * headDim];
    if (column.kind === 'zero' || memory === undefined) return [zero, 0];
    return [memory, (kvHead * columns.memory + column.slot) * headDim];
  };
  return (row: number, sequence: number, visible: readonly KeyColumn[]): Grid =>
    Array.from({ length: heads.qHeads }, (_, head) => {
      const qAt = (row * heads.qHeads + head) * headDim;
      const kvHead = kvHeadOf(heads, head);
      return visible.map((column) => scale * similarityOf(node, q, qAt, ...keyAt(column, kvHead, sequence)));
    });
}

/** Mixing before, biases, softcap: logits; normaliser, mixing after: the pattern. */
function rowWeightsOf(node: AttentionNode, step: Step) {
  const { mixing, normalizer } = node;
  const sinks = node.sinks === undefined ? undefined : read(step, node.sinks).data;
  const logitOf = logitsOf(node, step);
  const matrix = (name: string | undefined) => (name === undefined ? undefined : read(step, name).data);
  const [pre, post, preScalePost] = [mixing.pre, mixing.post, mixing.preScalePost].map(matrix);
  return (scores: Grid, place: QueryPlace, visible: readonly KeyColumn[]) => {
    const mixed = pre ? combine(scores, mixHeads(pre, scores), (s, change) => s + change) : scores;
    const logits = mixed.map((row, head) =>
      row.map((score, c) => logitOf(score, place, head, visible[c] ?? { kind: 'zero' })),
    );
    const weights = logits.map((row, head) => weightsOf(normalizer, row, sinks?.[head]));
    const shared = post ? mixHeads(post, weights) : weights;
    const pattern = preScalePost ? combine(shared, mixHeads(preScalePost, scores), (p, f) => p * f) : shared;
    return { logits, pattern };
  };
}

/** Row h of the result is Σ over heads g of W[h, g] · row g. */
function mixHeads(matrix: Float64Array, grid: Grid): Grid {
  return grid.map((row, head) =>
    row.map((_, c) =>
      grid.reduce((sum, other, g) => sum + (matrix[head * grid.length + g] as number) * (other[c] as number), 0),
    ),
  );
}

const combine = (a: Grid, b: Grid, merge: (x: number, y: number) => number): Grid =>
  a.map((row, head) => row.map((x, c) => merge(x, b[head]?.[c] as number)));

function valuesOf(node: AttentionNode, step: Step, out: Float64Array) {
  const { valueDim, columns, heads } = node;
  const v = read(step, node.v ?? node.k);
  const rowWidth = node.v === undefined ? node.headDim : valueDim;
  const memory = node.memory && read(step, node.memory.v).data;
  const sequenceRow = rowIndex(node, v);
  const isActive = activityOf(node, step);
  return (weights: Grid, row: number, sequence: number, visible: readonly KeyColumn[]): void => {
    for (const [head, headWeights] of weights.entries()) {
      if (!isActive(head)) continue;
      const at = (row * heads.qHeads + head) * valueDim;
      const kvHead = kvHeadOf(heads, head);
      for (const [c, column] of visible.entries()) {
        const weight = headWeights[c] as number;
        if (column.kind === 'sequence') {
          addScaled(out, at, weight, v.data, sequenceRow(sequence, kvHead, column.at) * rowWidth, valueDim);
        } else if (column.kind === 'memory' && memory) {
          addScaled(out, at, weight, memory, (kvHead * columns.memory + column.slot) * valueDim, valueDim);
        }
      }
    }
  };
}

function activityOf({ active }: AttentionNode, step: Step): (head: number) => boolean {
  if (active === undefined) return () => true;
  if (!('mask' in active)) return (head) => active.includes(head);
  const { data } = read(step, active.mask);
  return (head) => data[head] !== 0;
}
