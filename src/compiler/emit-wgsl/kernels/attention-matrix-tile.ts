import type { AttentionMatrixPlan } from '../../plan/kernel-plan.ts';
import { u32c } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { columnEntries, halvesType, partsOf } from './attention-columns.ts';

type Name = 'keys' | 'values';

const widthOf = (name: Name, plan: AttentionMatrixPlan) => (name === 'keys' ? plan.headDim : plan.valueDim);

/** How many reads make a tile. */
const readsOf = (name: Name, plan: AttentionMatrixPlan) => plan.tileKeys * partsOf(plan, widthOf(name, plan));

export const tileConstants = (plan: AttentionMatrixPlan) => ({
  TILE_KEYS: u32c(plan.tileKeys),
  KEY_PITCH: u32c(plan.keyPitch),
  VALUE_PITCH: u32c(plan.valuePitch),
});

/**
 * `fn fetch_keys(lane, batch, kv_head, first_column, columns) -> HeldKeys`, and the same for values: a lane's share of a tile, f16
 * entries in whole blocks, zero beyond the width. Columns beyond the last visible one repeat it, so that nothing unwritten is
 * multiplied: they are masked. `fn store_keys(lane, held)` puts it into workgroup memory.
 */
export function tileFetcher(name: Name, plan: AttentionMatrixPlan): string {
  const parts = partsOf(plan, widthOf(name, plan));
  const held = name === 'keys' ? 'HeldKeys' : 'HeldValues';
  const count = Math.ceil(readsOf(name, plan) / plan.threads);
  return wgsl`
    alias ${held} = array<${halvesType(plan)}, ${count}>;

    ${columnEntries(name, plan, parts)}

    fn fetch_${name}(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) -> ${held} {
      var held: ${held};
      for (var n = 0u; n < ${count}u; n++) {
        let index = lane + n * THREADS;
        held[n] = ${name}_entries(batch, kv_head, min(first_column + index / ${parts}u, columns - 1u), index % ${parts}u);
      }
      return held;
    }

    fn store_${name}(lane: u32, held: ${held}) {
      for (var n = 0u; n < ${count}u; n++) {
        let index = lane % THREADS + n * THREADS;
        ${stored(name, plan, parts)}
      }
    }`;
}

function stored(name: Name, plan: AttentionMatrixPlan, parts: number): string {
  const { threads, loadEntries } = plan;
  const reads = readsOf(name, plan);
  const pitch = name === 'keys' ? 'KEY_PITCH' : 'VALUE_PITCH';
  const at = `let at = index / ${parts}u * ${pitch} + index % ${parts}u * ${loadEntries / 4}u;`;
  const store =
    loadEntries === 8
      ? wgsl`
          ${at}
          ${name}[at] = bitcast<vec4h>(held[n].xy);
          ${name}[at + 1u] = bitcast<vec4h>(held[n].zw);`
      : wgsl`
          ${at}
          ${name}[at] = bitcast<vec4h>(held[n]);`;
  if (reads % threads === 0) return store;
  return wgsl`
    if (index < ${reads}u) {
      ${store}
    }`;
}
