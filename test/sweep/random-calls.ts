import type { CacheLayout, ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import type { AttentionNode } from '../../src/compiler/ir/nodes.ts';
import type { OracleInput } from '../../src/compiler/oracle/oracle.ts';
import { f16ToF32, f32ToF16 } from '../../src/runtime/abi1/floats.ts';
import { givenTensors } from '../../src/verify/calls.ts';
import { randomNumbers, randomTensor } from '../../src/verify/random.ts';
import type { TracedCall } from '../../src/verify/trace.ts';
import type { Draw } from './draw.ts';

export interface RandomCall extends Required<Pick<TracedCall, 'counts' | 'keyCounts' | 'inputs'>> {
  readonly prefix?: readonly number[];
  /** Of the entries of queries. */
  readonly querySize: number;
}

/** Around the edges of tiles, of shares and of what a workgroup holds. */
const lengths = [
  1, 2, 3, 5, 8, 15, 16, 17, 23, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 191, 255, 256, 257, 400, 511, 513, 777,
  1000, 1023, 1024, 1025, 1536, 2000, 2047, 2048, 2049,
] as const;
const longPasts = [0, 1, 15, 16, 40, 127, 128, 500, 511, 512, 513, 1100, 2047, 3000, 4096, 5001] as const;

/** Of queries: logits of size one, and large ones. */
const querySizes = [1.5, 1.5, 0.2, 6, 30, 500] as const;

/** Beside a zero column or a sink large logits leave rows of keys that weigh next to nothing, which f16 has not; squares of distances are large anyway. */
const smallQueries = [1.5, 0.2] as const;

/**
 * New tokens of two sequences, keys before them, and what the attention reads. One call of three decodes a token, one has few tokens.
 * @param budget multiplications that the reference may take
 */
export function randomCall(draw: Draw, shaped: ShapedSpec, node: AttentionNode, budget: number): RandomCall {
  const { counts, keyCounts } = randomSizes(draw, node, budget);
  const [queries, keys] = [Math.max(...counts), Math.max(...keyCounts)];
  const { heads, headDim, valueDim, mask } = node;
  const batch = counts.length;
  const next = randomNumbers(draw.below(2 ** 31));
  const values = (shape: readonly number[], size = 1.5) => randomTensor(shape, next, size);
  const ofKeys = (width: number) =>
    node.keyLayout === 'heads-first' ? [batch, heads.kvHeads, keys, width] : [batch, keys, heads.kvHeads, width];
  const isDelicate = node.columns.zero > 0 || node.sinks !== undefined || node.similarity === 'l2';
  const querySize = draw.from(isDelicate ? smallQueries : querySizes);
  const q = values([batch, queries, heads.qHeads, headDim], querySize);
  // Kernels may hand on the queries that they make as f16.
  const isGiven = node.keyLayout === 'tokens-first';
  const inputs = new Map<string, OracleInput>([
    [node.q, isGiven ? q : { ...q, data: q.data.map((value) => f16ToF32(f32ToF16(value))) }],
    [node.k, values(ofKeys(headDim))],
    ...(node.v === undefined ? [] : [[node.v, values(ofKeys(valueDim))] as const]),
    ...maskInputs(draw, node, [batch, keys]),
    ...givenTensors(shaped, next),
  ]);
  if (node.bias !== undefined) {
    const { tensor, perBatch, perHead } = node.bias;
    inputs.set(
      tensor,
      values([perBatch ? batch : 1, perHead ? (heads.numbers?.of ?? heads).qHeads : 1, queries, keys]),
    );
  }
  const prefix = counts.map(() => draw.below(keys + 1));
  return { counts, keyCounts, inputs, querySize, ...(mask.prefix === 'runtime' && { prefix }) };
}

function randomSizes(draw: Draw, { heads, headDim, valueDim, keyLayout, cacheLayout }: AttentionNode, budget: number) {
  const longest = longestCall(cacheLayout);
  for (;;) {
    const batch = draw.from([1, 2, 2, 3]);
    const kind = draw.from(['one', 'few', 'many']);
    const most = Math.min(longest, kind === 'one' ? 1 : kind === 'few' ? 2 + draw.below(16) : draw.from(lengths));
    const past = kind === 'many' && draw.chance(0.5) ? 0 : draw.from(longPasts);
    const counts = Array.from({ length: batch }, (_, b) => (b === 0 ? most : 1 + draw.below(most)));
    const keyCounts = counts.map((count, b) => (b === 0 ? past : draw.below(past + 1)) + count);
    // Where keys are given there may be fewer than queries.
    const keys =
      keyLayout === 'heads-first' || draw.chance(0.9)
        ? keyCounts
        : keyCounts.map((count) => Math.max(1, count - past - 3));
    const pairs = counts.reduce((sum, count, b) => sum + count * (keys[b] ?? 0), 0);
    if (pairs * heads.qHeads * (headDim + valueDim + 30) <= budget) return { counts, keyCounts: keys };
  }
}

const longestCall = (layout: CacheLayout | undefined) =>
  layout?.kind === 'ring' ? layout.longestCall : Number.POSITIVE_INFINITY;

/** Hidden keys, few or many, and documents of any length. */
function maskInputs(
  draw: Draw,
  { keyMask, documents }: AttentionNode,
  shape: readonly [number, number],
): readonly (readonly [string, OracleInput])[] {
  const [batch, keys] = shape;
  const each = (value: (key: number) => number) =>
    Array.from({ length: batch }, () => Array.from({ length: keys }, (_, key) => value(key))).flat();
  const shown = draw.from([0.02, 0.5, 0.95]);
  const firstShown = draw.below(keys);
  const isPaddedLeft = draw.chance(0.5);
  const mask = each((key) => Number(isPaddedLeft ? key >= firstShown : draw.chance(shown)));
  const documentLength = draw.from([3, 16, 40, 300]);
  const offset = draw.below(documentLength);
  return [
    ...(keyMask === undefined ? [] : [[keyMask, { shape, data: mask }] as const]),
    ...(documents === undefined
      ? []
      : [[documents, { shape, data: each((key) => Math.floor((key + offset) / documentLength)) }] as const]),
  ];
}
