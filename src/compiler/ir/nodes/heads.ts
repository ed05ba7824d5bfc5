import type { CacheDtype, CacheLayout, HeadNormShape, RopeScaling } from '../../check/shaped-spec.ts';
import type { NodeBase } from './base.ts';

/** A `HeadNormShape` with its weight tensor, if it has one: `[D]` or `[heads, D]`. */
export interface HeadNorm extends HeadNormShape {
  readonly tensor?: string;
  /** β, of the same shape; present when the norm has a bias. */
  readonly biasTensor?: string;
}

/** Rotation of `dim` entries of each head from `firstEntry` on (default 0) by position; `table` holds (cos, sin) of position × frequency. Frequencies are those of `RopeShape`. */
export interface Rotation {
  readonly dim: number;
  readonly base: number;
  readonly scaling?: RopeScaling;
  readonly pairing: 'half' | 'interleaved';
  readonly table: string;
  /** Heads before this one are not rotated. */
  readonly firstHead: number;
  readonly firstEntry?: number;
}

/** x `[B, I, H·D]` → out `[B, I, H, D]`: norm, then rotation at position past + i. May be in place. */
export interface QueryHeadsNode extends NodeBase {
  readonly op: 'query_heads';
  readonly x: string;
  readonly heads: number;
  readonly headDim: number;
  readonly norms: readonly HeadNorm[];
  readonly rotation?: Rotation;
  readonly out: string;
}

/** k `[B, I, K·D]`, v `[B, I, K·Dv]` → rows past … past + count − 1 of the caches `[B, K, C, D]`, `[B, K, C, Dv]`; keys are normalised and rotated, values normalised. Without v there is one cache: values are the first Dv entries of keys. */
export interface AppendNode extends NodeBase {
  readonly op: 'append';
  readonly k: string;
  readonly v?: string;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly norms: readonly HeadNorm[];
  readonly valueNorm?: HeadNorm;
  readonly rotation?: Rotation;
  readonly kCache: string;
  /** Present when v is. */
  readonly vCache?: string;
  readonly cacheDtype: CacheDtype;
  readonly cacheLayout?: CacheLayout;
  /** u32 `[B, ceil(C / page size)]`; present with a paged cache. It says where rows lie, never what they hold. */
  readonly pages?: string;
}

/** Memory keys `[K, M, D]` normalised as the sequence's keys are. Does not depend on the input: run once. */
export interface MemoryKeysNode extends NodeBase {
  readonly op: 'memory_keys';
  readonly memory: string;
  readonly kvHeads: number;
  readonly slots: number;
  readonly headDim: number;
  readonly norms: readonly HeadNorm[];
  readonly out: string;
}

/** v `[B, I, K·Dv]` in place: v₀ + m · (v − v₀), with `first` the first layer's values. m is a number, or `gate` `[B, I, K]`. */
export interface MixValuesNode extends NodeBase {
  readonly op: 'mix_values';
  readonly first: string;
  readonly mix: number | { readonly gate: string };
  readonly kvHeads: number;
  readonly valueDim: number;
  readonly out: string;
}

/** z `[B, I, H, Dv]` in place: z · scale[h] · head[b, i, h] · entry[b, i, h·Dv + d], those that are given. */
export interface GateHeadsNode extends NodeBase {
  readonly op: 'gate_heads';
  readonly heads: number;
  readonly valueDim: number;
  readonly scale?: string;
  readonly head?: string;
  readonly entry?: string;
  readonly out: string;
}

/** x `[B, I, width]` → out `[B, I, heads, width]`: x + edit[h], `edit` of the shape of out. */
export interface HeadInputsNode extends NodeBase {
  readonly op: 'head_inputs';
  readonly x: string;
  readonly edit: string;
  readonly heads: number;
  readonly width: number;
  readonly out: string;
}

/** z `[B, I, H, Dv]` → out `[B, I, H, width]`: what each head adds to the output, W[:, h·Dv …] · z[h], without the bias. W `[width, H·Dv]`. */
export interface HeadResultsNode extends NodeBase {
  readonly op: 'head_results';
  readonly z: string;
  readonly heads: number;
  readonly valueDim: number;
  readonly width: number;
  readonly weight: string;
  readonly out: string;
}
