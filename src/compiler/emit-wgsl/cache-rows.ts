import type { CachePlan } from '../plan/plan-base.ts';
import { type Binding, type Constant, u32c, words } from './kernel.ts';
import { wgsl } from './wgsl.ts';

/** Where the row of a position lies in a cache of keys or values: the one place that knows the layouts. */
export interface CacheRows {
  readonly constants: Readonly<Record<string, Constant>>;
  readonly bindings: readonly Binding[];
  /** `fn cache_row(batch: u32, kv_head: u32, position: u32) -> u32`, counted in rows. Needs KV_HEADS and `step`. */
  readonly functions: readonly string[];
}

export function cacheRows(layout: CachePlan | undefined): CacheRows {
  switch (layout?.kind) {
    case undefined:
      return {
        constants: {},
        bindings: [],
        functions: [cacheRow('(batch * KV_HEADS + kv_head) * step.capacity + position')],
      };
    case 'ring':
      return {
        constants: { RING_ROWS: u32c(layout.rows) },
        bindings: [],
        functions: [cacheRow('(batch * KV_HEADS + kv_head) * RING_ROWS + position % RING_ROWS')],
      };
    case 'paged':
      return {
        constants: { PAGE_SIZE: u32c(layout.pageSize) },
        bindings: [words('page_table')],
        functions: [pagedRow],
      };
  }
}

const cacheRow = (row: string) => wgsl`
  /** Where the row of a position lies. */
  fn cache_row(batch: u32, kv_head: u32, position: u32) -> u32 {
    return ${row};
  }`;

const pagedRow = wgsl`
  /** Where the row of a position lies: a page has rows of all KV heads. */
  fn cache_row(batch: u32, kv_head: u32, position: u32) -> u32 {
    let pages_each = (step.capacity + PAGE_SIZE - 1u) / PAGE_SIZE;
    let page = page_table[batch * pages_each + position / PAGE_SIZE];
    return (page * KV_HEADS + kv_head) * PAGE_SIZE + position % PAGE_SIZE;
  }`;
