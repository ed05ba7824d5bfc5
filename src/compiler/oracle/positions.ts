import type { T5Shape } from '../check/shaped-spec.ts';

/**
 * Press et al., "Train Short, Test Long", 2021: for 2ⁿ heads a geometric sequence; for other counts that of the next lower power of two,
 * filled up with every other slope of the next higher one.
 */
export function alibiSlopes(heads: number): readonly number[] {
  const lower = 2 ** Math.floor(Math.log2(heads));
  const between = geometricSlopes(2 * lower).filter((_, i) => i % 2 === 0);
  return [...geometricSlopes(lower), ...between.slice(0, heads - lower)];
}

function geometricSlopes(count: number): readonly number[] {
  const ratio = 2 ** (-8 / count);
  return Array.from({ length: count }, (_, i) => ratio ** (i + 1));
}

/** Raffel et al., "Exploring the Limits of Transfer Learning", 2019. `distance` is the query's position minus the key's. */
export function t5Bucket(distance: number, { buckets, maxDistance, bidirectional }: T5Shape): number {
  if (!bidirectional) return bucketOf(Math.max(distance, 0), buckets, maxDistance);
  const half = Math.floor(buckets / 2);
  return (distance < 0 ? half : 0) + bucketOf(Math.abs(distance), half, maxDistance);
}

/** Half of the buckets hold one distance each, the rest grow with the logarithm. */
function bucketOf(distance: number, buckets: number, maxDistance: number): number {
  const exact = Math.floor(buckets / 2);
  if (distance < exact) return distance;
  const share = Math.log(distance / exact) / Math.log(maxDistance / exact);
  return Math.min(exact + Math.floor(share * (buckets - exact)), buckets - 1);
}
