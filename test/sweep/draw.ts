import { randomNumbers } from '../../src/verify/random.ts';

/** Reproducible choices. */
export interface Draw {
  /** An integer from 0 to `count` − 1. */
  below(count: number): number;
  from<T>(values: readonly T[]): T;
  chance(share: number): boolean;
}

export function drawing(seed: number): Draw {
  const next = randomNumbers(seed);
  const below = (count: number) => Math.floor(next() * count);
  return {
    below,
    from<T>(values: readonly T[]): T {
      return values[below(values.length)] as T;
    },
    chance: (share) => next() < share,
  };
}
