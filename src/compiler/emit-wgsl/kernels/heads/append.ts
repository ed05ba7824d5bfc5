import { quads } from '../../../plan/extents.ts';
import type { AppendPlan } from '../../../plan/heads/kernel-plan.ts';
import type { Storage } from '../../../plan/plan-base.ts';
import { cacheRows } from '../../cache-rows.ts';
import { foldOfLanes } from '../../fold.ts';
import { int8RowStorer } from '../../int8-rows.ts';
import {
  type Binding,
  buffer,
  floats,
  type KernelSource,
  sequencesBinding,
  stepBinding,
  u32c,
  words,
} from '../../kernel.ts';
import { enablesFor, storer, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { headParts, queryNames } from './head.ts';

/**
 * One workgroup per token and KV head: its key is normalised and rotated, its value copied, both into row `position` of the cache.
 * Query heads, where they are made too, have workgroups behind these.
 */
export function append(plan: AppendPlan): KernelSource {
  const head = headParts(plan);
  const queries = plan.queryHeads === undefined ? noQueries : ownQueries(plan, plan.queryHeads);
  const rows = cacheRows(plan.cacheLayout);
  const values = plan.valuesInKeys ? noValues : ownValues(plan);
  const caches =
    plan.cache === 'int8' ? int8Caches(plan) : plan.valuesInKeys ? keyCache(plan.cache) : floatCaches(plan.cache);
  return {
    doc: `Writes new keys and values into rows of the caches, where cache_row says; rows are padded to four entries.${queries.doc}`,
    enables: enablesFor(plan.cache, plan.y),
    constants: {
      KV_HEADS: u32c(plan.kvHeads),
      HEAD_QUADS: u32c(quads(plan.headDim)),
      ...values.constants,
      ...rows.constants,
      ...queries.constants,
      ...head.constants,
    },
    bindings: [
      ...queries.bindings,
      floats('k'),
      ...values.reads,
      ...head.bindings,
      ...rows.bindings,
      ...caches.bindings,
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [...rows.functions, ...head.functions, keyQuad, ...values.functions, ...caches.functions],
    body: wgsl`
      let row = group.x;
      let head_index = group.y;
      let batch = row / step.tokens;
      let sequence = sequences[batch];
      let position = sequence.past + row % step.tokens;
      ${queries.make}
      let first_key = (row * KV_HEADS + head_index) * HEAD_DIM;
      ${head.load('k[first_key + e]')}
      if (row % step.tokens >= sequence.count) {
        return;
      }
      let stored_row = cache_row(batch, head_index, position);
      ${values.start}
      ${caches.store}`,
  };
}

const keyQuad = wgsl`
  fn key_quad(quad: u32, position: u32, head_index: u32) -> vec4f {
    let e = 4u * quad;
    return vec4f(
      finished(e, position, head_index),
      finished(e + 1u, position, head_index),
      finished(e + 2u, position, head_index),
      finished(e + 3u, position, head_index),
    );
  }`;

const valueQuad = wgsl`
  fn value_entry(first: u32, e: u32) -> f32 {
    if (e >= VALUE_DIM) {
      return 0.0;
    }
    return v[first + e];
  }

  fn value_quad(first: u32, quad: u32) -> vec4f {
    let e = 4u * quad;
    return vec4f(value_entry(first, e), value_entry(first, e + 1u), value_entry(first, e + 2u), value_entry(first, e + 3u));
  }`;

const noQueries = { doc: '', constants: {}, bindings: [], make: '' } as const;

function ownQueries(plan: AppendPlan, heads: number) {
  const head = headParts(plan, queryNames);
  return {
    doc: '\ny = x as keys are made, head by head.',
    constants: { HEADS: u32c(heads) },
    bindings: [floats('x'), ...head.bindings, buffer('y', plan.y, 'read_write')],
    make: wgsl`
      if (head_index >= KV_HEADS) {
        let query_head = head_index - KV_HEADS;
        let first_query = (row * HEADS + query_head) * HEAD_DIM;
        ${head.load('x[first_query + e]')}
        for (var e = lane; e < HEAD_DIM; e += THREADS) {
          y[first_query + e] = ${plan.y === 'f16' ? 'f16(finished(e, position, query_head))' : 'finished(e, position, query_head)'};
        }
        return;
      }`,
  };
}

/** Values are the first entries of keys, which are stored anyway. */
const noValues = { constants: {}, reads: [], functions: [], start: '' } as const;

const ownValues = ({ valueDim }: AppendPlan) => ({
  constants: { VALUE_DIM: u32c(valueDim), VALUE_QUADS: u32c(quads(valueDim)) },
  reads: [floats('v')],
  functions: [valueQuad],
  start: 'let first_value = (row * KV_HEADS + head_index) * VALUE_DIM;',
});

/** How rows are written: `store` is the end of the kernel. */
interface Caches {
  readonly bindings: readonly Binding[];
  readonly functions: readonly string[];
  readonly store: string;
}

const keyCache = (storage: Storage): Caches => ({
  bindings: [vectorBinding('k_cache', storage, 'read_write')],
  functions: [storer('k_cache', storage)],
  store: wgsl`
    for (var quad = lane; quad < HEAD_QUADS; quad += THREADS) {
      store_k_cache(stored_row * HEAD_QUADS + quad, key_quad(quad, position, head_index));
    }`,
});

const floatCaches = (storage: Storage): Caches => ({
  bindings: [vectorBinding('k_cache', storage, 'read_write'), vectorBinding('v_cache', storage, 'read_write')],
  functions: [storer('k_cache', storage), storer('v_cache', storage)],
  store: wgsl`
    for (var quad = lane; quad < HEAD_QUADS; quad += THREADS) {
      store_k_cache(stored_row * HEAD_QUADS + quad, key_quad(quad, position, head_index));
    }
    for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
      store_v_cache(stored_row * VALUE_QUADS + quad, value_quad(first_value, quad));
    }`,
});

const int8Caches = (plan: AppendPlan): Caches => ({
  bindings: [words('k_cache', 'read_write'), words('v_cache', 'read_write')],
  functions: [
    foldOfLanes('max_of', plan, 'max'),
    largestOf,
    ...int8RowStorer('k_cache', plan.headDim),
    ...int8RowStorer('v_cache', plan.valueDim),
  ],
  store: wgsl`
    var largest = vec2f(0);
    for (var quad = lane; quad < HEAD_QUADS; quad += THREADS) {
      largest.x = max(largest.x, largest_of(key_quad(quad, position, head_index)));
    }
    for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
      largest.y = max(largest.y, largest_of(value_quad(first_value, quad)));
    }
    let largest_key = max_of(lane, largest.x);
    let largest_value = max_of(lane, largest.y);
    if (lane == 0u) {
      store_k_cache_scale(stored_row, largest_key);
      store_v_cache_scale(stored_row, largest_value);
    }
    for (var quad = lane; quad < HEAD_QUADS; quad += THREADS) {
      store_k_cache(stored_row, quad, key_quad(quad, position, head_index), largest_key);
    }
    for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
      store_v_cache(stored_row, quad, value_quad(first_value, quad), largest_value);
    }`,
});

const largestOf = wgsl`
  fn largest_of(values: vec4f) -> f32 {
    let sizes = abs(values);
    return max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
  }`;
