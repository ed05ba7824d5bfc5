import type { AlibiShape, T5Shape } from '../../check/shaped-spec.ts';
import type { T5Plan } from './kernel-plan.ts';

/**
 * Slopes of ALiBi (Press et al. 2022): a geometric sequence from 2^(−8/n) for n heads, n a power of two; else that of the power below,
 * then every second of the power above. Heads beyond `heads` have none. All times `scale`.
 */
export function alibiSlopes({ heads, scale }: AlibiShape, qHeads: number): readonly number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const sequence = (n: number) => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  const between = sequence(2 * power).filter((_, i) => i % 2 === 0);
  const slopes = [...sequence(power), ...between.slice(0, heads - power)];
  return Array.from({ length: qHeads }, (_, head) => scale * (slopes[head] ?? 0));
}

/** Buckets of T5 (Raffel et al. 2020): half of them exact, the rest logarithmic up to the largest distance. */
export function t5Plan({ buckets, maxDistance, scale, bidirectional }: T5Shape): T5Plan {
  const own = bidirectional ? Math.floor(buckets / 2) : buckets;
  const exact = Math.floor(own / 2);
  const bucketOf = (distance: number) => {
    if (distance < exact) return distance;
    const logarithmic = (Math.log(distance / exact) / Math.log(maxDistance / exact)) * (own - exact);
    return Math.min(own - 1, exact + Math.floor(logarithmic));
  };
  const starts: number[] = [];
  for (let distance = exact + 1; starts.length < own - 1 - exact && distance <= maxDistance; distance++) {
    while (exact + starts.length < bucketOf(distance)) starts.push(distance);
  }
  return { scale, buckets: own, bidirectional, exact, starts };
}
