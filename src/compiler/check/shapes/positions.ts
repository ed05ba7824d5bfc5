export interface RopeShape {
  /** Rotated width r: even, 0 < r ≤ D; the first r entries of a head are rotated. */
  readonly dim: number;
  readonly base: number;
  /** `half`: entry e pairs with e + r/2. `interleaved`: 2e pairs with 2e + 1. */
  readonly pairing: 'half' | 'interleaved';
  /** Only the last n heads of q and k are rotated; K = H then. Default: all. */
  readonly lastHeads?: number;
  /** Entries of a head before the rotated ones; 0 when absent. */
  readonly firstEntry?: number;
  readonly scaling?: RopeScaling;
}

/**
 * How frequencies differ from base^(−2j / r), as in Hugging Face transformers. `dynamic` and `longrope` go by the capacity of
 * the cache; `attentionFactor` multiplies cos and sin.
 */
export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | { readonly kind: 'dynamic'; readonly factor: number; readonly originalContext: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly originalContext: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalContext: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** The ramp begins and ends at whole entries. */
      readonly truncate: boolean;
      readonly attentionFactor: number;
    }
  | {
      readonly kind: 'longrope';
      readonly originalContext: number;
      /** Divisors of the r / 2 frequencies, for capacities up to `originalContext` and beyond. */
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly attentionFactor: number;
    };

/** −scale · slope_h · |position of q − position of k|; slopes are the closest-power-of-two sequence for `heads` heads, zero for heads beyond. */
export interface AlibiShape {
  readonly kind: 'alibi';
  readonly heads: number;
  readonly scale: number;
}

/** A learned table `[buckets, H]` (T5): scale · table[bucket(q − k), h]. */
export interface T5Shape {
  readonly kind: 't5';
  readonly buckets: number;
  readonly maxDistance: number;
  readonly scale: number;
  /** Half of the buckets for keys after the query; else distances below 0 count as 0. */
  readonly bidirectional: boolean;
}
