import type { HeadGroup } from '../check/shaped-spec.ts';

/** The KV head that a query head reads, as the group counts them. */
export function kvHeadOf({ order, queriesPerKv, kvHeads }: HeadGroup, head: number): number {
  return order === 'blocked' ? Math.floor(head / queriesPerKv) : head % kvHeads;
}

/** The spec's number of a query head. */
export function numberOf({ numbers }: HeadGroup, head: number): number {
  return numbers === undefined ? head : (numbers.q[head] ?? Number.NaN);
}

/** The spec's number of the KV head that a query head reads. */
export function kvNumberOf(heads: HeadGroup, head: number): number {
  const own = kvHeadOf(heads, head);
  return heads.numbers === undefined ? own : (heads.numbers.kv[own] ?? Number.NaN);
}
