import type { LatentQueriesNode, LatentValuesNode } from '../ir/nodes.ts';
import { dispatch, type MatrixStorageOf } from './dispatch.ts';
import { ceilDiv, quads, times } from './extents.ts';
import type { LatentQueriesPlan, LatentValuesPlan } from './kernel-plan.ts';
import type { NodePlan, PlannedDispatch } from './planned.ts';
import { floats, vectors } from './workgroup-memory.ts';

/** Tokens that share what is read of the weights, as far as their rows fit into half of the least workgroup memory. */
const tokensFor = (entries: number): number => [8, 4, 2].find((tokens) => tokens * entries * 4 <= 8192) ?? 1;

export function planLatentQueries(node: LatentQueriesNode, storageOf: MatrixStorageOf): NodePlan {
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
  return { prefill: [form(tokensFor(ownDim), threads)], decode: [form(1, 16)] };
}

export function planLatentValues(node: LatentValuesNode, storageOf: MatrixStorageOf): NodePlan {
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
  return { prefill: [form(tokensFor(quads(rank) * 4), 1)], decode: [form(1, Math.ceil((valueDim * lanes) / threads))] };
}
