import type { AppendPlan } from '../../plan/kernel-plan.ts';
import { cacheRows } from '../cache-rows.ts';
import { type KernelSource, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import { enablesFor, quads, storer, vectorBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { headParts } from './head.ts';

/** One workgroup per token and KV head: its key is normalised and rotated, its value copied, both into row `position` of the cache. */
export function append(plan: AppendPlan): KernelSource {
  const head = headParts(plan);
  const rows = cacheRows(plan.cacheLayout);
  return {
    doc: 'Writes new keys and values into rows of the caches, where cache_row says; rows are padded to four entries.',
    enables: enablesFor(plan.cache),
    constants: {
      KV_HEADS: u32c(plan.kvHeads),
      VALUE_DIM: u32c(plan.valueDim),
      HEAD_QUADS: u32c(quads(plan.headDim)),
      VALUE_QUADS: u32c(quads(plan.valueDim)),
      ...rows.constants,
      ...head.constants,
    },
    bindings: [
      { name: 'k', access: 'read', type: 'array<f32>' },
      { name: 'v', access: 'read', type: 'array<f32>' },
      ...head.bindings,
      ...rows.bindings,
      vectorBinding('k_cache', plan.cache, 'read_write'),
      vectorBinding('v_cache', plan.cache, 'read_write'),
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...rows.functions,
      ...head.functions,
      storer('k_cache', plan.cache),
      storer('v_cache', plan.cache),
      wgsl`
        fn value_entry(first: u32, e: u32) -> f32 {
          if (e >= VALUE_DIM) {
            return 0.0;
          }
          return v[first + e];
        }`,
    ],
    body: wgsl`
      let row = group.x;
      let head_index = group.y;
      let batch = row / step.tokens;
      let sequence = sequences[batch];
      let position = sequence.past + row % step.tokens;
      let first_key = (row * KV_HEADS + head_index) * HEAD_DIM;
      let first_value = (row * KV_HEADS + head_index) * VALUE_DIM;
      ${head.load('k[first_key + e]')}
      if (row % step.tokens >= sequence.count) {
        return;
      }
      let stored_row = cache_row(batch, head_index, position);
      for (var quad = lane; quad < HEAD_QUADS; quad += THREADS) {
        let e = 4u * quad;
        let key = vec4f(finished(e, position, head_index), finished(e + 1u, position, head_index), finished(e + 2u, position, head_index), finished(e + 3u, position, head_index));
        store_k_cache(stored_row * HEAD_QUADS + quad, key);
      }
      for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
        let e = 4u * quad;
        let value = vec4f(
          value_entry(first_value, e),
          value_entry(first_value, e + 1u),
          value_entry(first_value, e + 2u),
          value_entry(first_value, e + 3u),
        );
        store_v_cache(stored_row * VALUE_QUADS + quad, value);
      }`,
  };
}
