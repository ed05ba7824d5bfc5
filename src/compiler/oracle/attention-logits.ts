import type { Expression } from '../expression/tree.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import type { KeyColumn } from './attention-columns.ts';
import { type ValueIn, valuesOfExpressions } from './attention-expressions.ts';
import { numberOf } from './head-numbers.ts';
import { alibiSlopes, t5Bucket } from './positions.ts';
import { read, type Step } from './step.ts';
import { dot } from './tensor.ts';

/** One query of one sequence: `token` counts new tokens, `position` is the token's in its sequence. */
export interface QueryPlace {
  readonly sequence: number;
  readonly token: number;
  readonly position: number;
}

/** Similarity of the query at `qAt` with the key at `kAt`. */
export function similarityOf(
  { similarity, headDim }: AttentionNode,
  q: Float64Array,
  qAt: number,
  k: Float64Array,
  kAt: number,
): number {
  if (similarity === 'dot') return dot(q, qAt, k, kAt, headDim);
  let squares = 0;
  for (let i = 0; i < headDim; i++) squares += ((q[qAt + i] as number) - (k[kAt + i] as number)) ** 2;
  return -squares;
}

/** Biases and softcap in the node's order, or its score; −∞ where `mask.where` hides. In: a scaled and mixed similarity. */
export type LogitOf = (score: number, place: QueryPlace, head: number, column: KeyColumn) => number;

export function logitsOf(node: AttentionNode, step: Step): LogitOf {
  const valueIn = valuesOfExpressions(node, step);
  const scored = node.score === undefined ? biasedLogits(node, step) : scoredLogits(node.score, valueIn);
  const { where } = node.mask;
  if (where === undefined) return scored;
  return (score, place, head, column) => {
    const applies = column.kind === 'sequence' || where.columns === 'all';
    const isHidden = applies && valueIn(where.condition, { ...place, head, column }) !== 1;
    return isHidden ? Number.NEGATIVE_INFINITY : scored(score, place, head, column);
  };
}

function scoredLogits(expression: Expression, valueIn: ValueIn): LogitOf {
  return (logit, place, head, column) => valueIn(expression, { ...place, head, column, logit });
}

function biasedLogits(node: AttentionNode, step: Step): LogitOf {
  const { softcap } = node;
  const bias = biasesOf(node, step);
  if (softcap === undefined) return (score, place, head, column) => score + bias(place, head, column);
  const capped = (x: number) => softcap.cap * Math.tanh(x / softcap.cap);
  return softcap.order === 'cap-bias'
    ? (score, place, head, column) => capped(score) + bias(place, head, column)
    : (score, place, head, column) => capped(score + bias(place, head, column));
}

type PositionBias = (place: QueryPlace, head: number, at: number) => number;

/** The sum of all biases: 0 on zero and memory columns, which have no position. */
function biasesOf(node: AttentionNode, step: Step): (place: QueryPlace, head: number, column: KeyColumn) => number {
  const terms = [alibiOf(node), t5Of(node, step), givenBias(node, step)].flatMap((term) => term ?? []);
  return (place, head, column) =>
    column.kind === 'sequence' ? terms.reduce((sum, term) => sum + term(place, head, column.at), 0) : 0;
}

function alibiOf({ alibi, heads }: AttentionNode): PositionBias | undefined {
  if (alibi === undefined) return undefined;
  const slopes = alibiSlopes(alibi.heads);
  return ({ position }, head, at) => -alibi.scale * (slopes[numberOf(heads, head)] ?? 0) * Math.abs(position - at);
}

function t5Of({ t5, heads }: AttentionNode, step: Step): PositionBias | undefined {
  if (t5 === undefined) return undefined;
  const table = read(step, t5.table).data;
  return ({ position }, head, at) =>
    t5.scale * (table[t5Bucket(position - at, t5) * heads.qHeads + head] ?? Number.NaN);
}

/** @throws RangeError when the tensor has no entry for the query or the key. */
function givenBias({ bias, heads: group }: AttentionNode, step: Step): PositionBias | undefined {
  if (bias === undefined) return undefined;
  const { data, shape } = read(step, bias.tensor);
  const [, heads = 0, queries = 0, keys = 0] = shape;
  return ({ sequence, token }, head, at) => {
    if (token >= queries || at >= keys) {
      throw new RangeError(`${bias.tensor} is [${shape.join(', ')}], query ${token} and key ${at} are not in it`);
    }
    const row = (bias.perBatch ? sequence : 0) * heads + (bias.perHead ? numberOf(group, head) : 0);
    return data[(row * queries + token) * keys + at] as number;
  };
}
