import type { CacheDtype } from './cache.ts';

export interface HeadGroup {
  readonly qHeads: number;
  readonly kvHeads: number;
  /** G = qHeads / kvHeads. */
  readonly queriesPerKv: number;
  /** `blocked`: query head h reads KV head floor(h / G). `interleaved`: it reads h mod kvHeads. */
  readonly order: 'blocked' | 'interleaved';
  /** The heads of the spec that these are, where they are not all of them. */
  readonly numbers?: HeadNumbers;
}

/** Heads by their numbers in the spec, in the order in which they are counted here. */
export interface HeadNumbers {
  readonly q: readonly number[];
  readonly kv: readonly number[];
  /** All heads of the spec. */
  readonly of: { readonly qHeads: number; readonly kvHeads: number };
}

/** Heads that are projected, cached and attended with together, apart from others. */
export interface HeadClass {
  readonly numbers: HeadNumbers;
  readonly cacheDtype: CacheDtype;
}

/** Normalisation of one head's entries. */
export interface HeadNormShape {
  /** `rms`: x / sqrt(mean(x²) + eps) · γ. `l2`: x / max(‖x‖, eps) · γ. `layer`: (x − mean) / sqrt(var + eps) · γ. Each over `groups` equal parts. */
  readonly kind: 'rms' | 'l2' | 'layer';
  readonly eps: number;
  /** The stored weight is γ − 1. */
  readonly unitOffset: boolean;
  readonly groups: number;
  /** `none`: γ = 1. `shared`: `[D]` for all heads. `per_head`: `[H, D]` for q, `[K, D]` for k, `[K, Dv]` for v. */
  readonly weight: 'none' | 'shared' | 'per_head';
  /** β of the shape of γ is added. */
  readonly bias?: true;
}

export interface QkNormShape extends Omit<HeadNormShape, 'weight'> {
  /** `projection`: the mean is over all heads together, γ `[H·D]` for q, `[K·D]` for k; `rms` or `layer`, first in the list. */
  readonly weight: HeadNormShape['weight'] | 'projection';
  readonly q: boolean;
  readonly k: boolean;
  /** Applies to memory keys too. Never without memory or without `k`. */
  readonly memory: boolean;
}
