import type { AttentionMatrixPlan } from '../../plan/kernel-plan.ts';
import { wgsl } from '../wgsl.ts';
import { columnEntries, partsOf } from './attention-columns.ts';

/**
 * `fn fetch_keys(lane, batch, kv_head, first_column, columns) -> Held`, and the same for values: a lane's share of a tile, f16
 * entries in whole blocks, zero beyond the width. Columns beyond the last visible one repeat it, so that nothing unwritten is
 * multiplied: they are masked.
 */
export function tileFetcher(name: 'keys' | 'values', plan: AttentionMatrixPlan): string {
  const width = name === 'keys' ? plan.headDim : plan.valueDim;
  const parts = partsOf(plan, width);
  return wgsl`
    ${columnEntries(name, plan, parts)}

    fn fetch_${name}(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) -> Held {
      var held: Held;
      for (var n = 0u; n < HELD; n++) {
        let index = lane + n * THREADS;
        held[n] = ${name}_entries(batch, kv_head, min(first_column + index / ${parts}u, columns - 1u), index % ${parts}u);
      }
      return held;
    }

    ${storer(name, plan, parts)}`;
}

function storer(
  name: 'keys' | 'values',
  { tileKeys, threads, loadEntries }: AttentionMatrixPlan,
  parts: number,
): string {
  const store =
    loadEntries === 8
      ? wgsl`
          tile[at] = bitcast<vec4h>(held[n].xy);
          tile[at + 1u] = bitcast<vec4h>(held[n].zw);`
      : 'tile[at] = bitcast<vec4h>(held[n]);';
  const isWhole = (tileKeys * parts) % threads === 0;
  return wgsl`
    fn store_${name}(lane: u32, held: Held) {
      for (var n = 0u; n < ${Math.ceil((tileKeys * parts) / threads)}u; n++) {
        let index = lane + n * THREADS;
        ${isWhole ? '' : `if (index >= ${tileKeys * parts}u) {\n  break;\n}`}
        let at = index / ${parts}u * TILE_PITCH + index % ${parts}u * ${loadEntries / 4}u;
        ${store}
      }
    }`;
}
