import type { LatentQueriesNode, LatentValuesNode } from '../../ir/nodes.ts';
import { dispatch, type MatrixStorageOf } from '../dispatch.ts';
import { ceilDiv, quads, times } from '../extents.ts';
import type { MatrixStorage } from '../plan-base.ts';
import type { NodePlan, PlannedDispatch } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { blocks, floats, vectors } from '../workgroup-memory.ts';
import type { LatentMatrixPlan, LatentQueriesPlan, LatentValuesPlan } from './kernel-plan.ts';

/** Tokens that share what is read of the weights, as far as their rows fit into half of the least workgroup memory. */
const tokensFor = (entries: number): number => [8, 4, 2].find((tokens) => tokens * entries * 4 <= 8192) ?? 1;

export function planLatentQueries(
  node: LatentQueriesNode,
  storageOf: MatrixStorageOf,
  profile: TargetProfile,
): NodePlan {
  const { q, weight, heads, rank, ownDim, sharedDim, valueDim, out } = node;
  const threads = 64;
  const form = (tokens: number, lanes: number): PlannedDispatch => {
    const plan: LatentQueriesPlan = {
      stage: 'latent_queries',
      heads,
      rank,
      ownDim,
      sharedDim,
      valueDim,
      weight: storageOf(weight),
      tokens,
      lanes,
      threads,
      workgroup: [floats('own', tokens * ownDim), vectors('partials', tokens * threads)],
    };
    const parts = Math.ceil(quads(rank) / lanes);
    return dispatch(node, plan, { q, weight, y: out }, [ceilDiv(times('B', 'I'), tokens), heads, parts]);
  };
  // One token reads all of the weights: many workgroups have more of them under way.
  const matrix = planLatentMatrix({ ...node, product: 'queries', weight: storageOf(weight) }, profile);
  const many = matrix && dispatch(node, matrix, { q, weight, y: out }, matrixGrid(matrix));
  return { prefill: [many ?? form(tokensFor(ownDim), threads)], decode: [form(1, 16)] };
}

export function planLatentValues(node: LatentValuesNode, storageOf: MatrixStorageOf, profile: TargetProfile): NodePlan {
  const { z, weight, heads, rank, ownDim, valueDim, out } = node;
  const threads = 64;
  const lanes = 8;
  const form = (tokens: number, parts: number): PlannedDispatch => {
    const plan: LatentValuesPlan = {
      stage: 'latent_values',
      heads,
      rank,
      ownDim,
      valueDim,
      weight: storageOf(weight),
      tokens,
      lanes,
      threads,
      workgroup: [vectors('found', tokens * quads(rank)), floats('partials', tokens * threads)],
    };
    return dispatch(node, plan, { z, weight, y: out }, [ceilDiv(times('B', 'I'), tokens), heads, parts]);
  };
  const matrix = planLatentMatrix({ ...node, product: 'values', sharedDim: 0, weight: storageOf(weight) }, profile);
  const many = matrix && dispatch(node, matrix, { z, weight, y: out }, matrixGrid(matrix));
  return {
    prefill: [many ?? form(tokensFor(quads(rank) * 4), 1)],
    decode: [form(1, Math.ceil((valueDim * lanes) / threads))],
  };
}

type LatentProduct = Pick<LatentMatrixPlan, 'product' | 'heads' | 'rank' | 'ownDim' | 'sharedDim' | 'valueDim'> & {
  readonly weight: MatrixStorage;
};

/** Undefined where the widths are not those of whole tiles, or weights not f16. */
function planLatentMatrix(node: LatentProduct, { subgroupMatrix }: TargetProfile): LatentMatrixPlan | undefined {
  const { product, heads, rank, ownDim, sharedDim, valueDim, weight } = node;
  const [tileTokens, tileColumns, tileDepth] = [128, 128, 32];
  const isWhole = product === 'queries' ? ownDim % tileDepth === 0 : valueDim % tileColumns === 0;
  if (!subgroupMatrix || weight !== 'f16' || !isWhole || rank % tileColumns > 0 || sharedDim % 8 > 0) return undefined;
  // A vector more than needed, so that rows side by side lie in different banks.
  const [weightRows, weightWidth] = product === 'queries' ? [tileDepth, tileColumns] : [tileColumns, tileDepth];
  return {
    stage: 'latent_matrix',
    product,
    x: 'f32',
    y: 'f32',
    heads,
    rank,
    ownDim,
    sharedDim,
    valueDim,
    tileTokens,
    tileColumns,
    tileDepth,
    rowBlocks: 2,
    columnBlocks: 4,
    threads: 256,
    workgroup: [
      blocks('x_tile', tileTokens * (tileDepth / 8 + 1)),
      blocks('weight_tile', weightRows * (weightWidth / 8 + 1)),
    ],
  };
}

/** Workgroups side by side share their columns, so that weights are read from memory once. */
const matrixGrid = ({ product, heads, rank, valueDim, tileTokens, tileColumns }: LatentMatrixPlan) =>
  [ceilDiv(times('B', 'I'), tileTokens), (product === 'queries' ? rank : valueDim) / tileColumns, heads] as const;
