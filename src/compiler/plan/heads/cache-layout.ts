import type { CacheLayout } from '../../check/shaped-spec.ts';
import type { CachePlan } from '../plan-base.ts';

/** Of a layout, what the place of a row depends on: absent for a row for each position. */
export function cachePlan(layout: CacheLayout | undefined): { readonly cacheLayout?: CachePlan } {
  if (layout === undefined) return {};
  return { cacheLayout: layout.kind === 'ring' ? { kind: 'ring', rows: layout.rows } : layout };
}
