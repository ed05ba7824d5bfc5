import type { Dim } from '../check/dims.ts';
import type { Activation, CacheDtype, HeadGroup, KeyColumns, WeightShape } from '../check/shaped-spec.ts';

/**
 * The frozen intermediate form: a straight list of nodes over named tensors. It says what is computed, in f64 terms; how it
 * is computed (fusion, tiling, storage) is the plan's business. The oracle and the kernels are two readings of this form.
 */
export interface AttnModule {
  readonly name: string;
  readonly kind: 'model' | 'attention';
  readonly tensors: ReadonlyMap<string, TensorDecl>;
  readonly nodes: readonly Node[];
}

/**
 * `input` and `output` are the interface; `cache` outlives a call; `activation` is scratch; `table` is computed by the host, `prepared` once from weights.
 * An activation or output may be written by many nodes: the residual stream `x` is.
 */
export interface TensorDecl {
  readonly name: string;
  readonly role: 'input' | 'weight' | 'cache' | 'activation' | 'output' | 'table' | 'prepared';
  /** `f32` activations; ids are `u32`; weights and caches as the spec says. */
  readonly dtype: 'f32' | 'f16' | 'bf16' | 'u32';
  readonly shape: readonly Dim[];
  readonly weight?: WeightShape;
}

/** Axes: B batch, I new tokens of each sequence, C cache capacity, H query heads, K KV heads, D key width, Dv value width. */
export type Node = EmbedNode | NormNode | LinearNode | QueryHeadsNode | AppendNode | MemoryKeysNode | AttentionNode;

export type NodeOp = Node['op'];

interface NodeBase {
  /** Index of the layer that the node belongs to. */
  readonly layer?: number;
}

/** ids `[B, I]` → out `[B, I, hidden]`: scale · table[id], plus positions.scale · positions[past + i]. */
export interface EmbedNode extends NodeBase {
  readonly op: 'embed';
  readonly hidden: number;
  readonly ids: string;
  readonly table: string;
  readonly scale: number;
  readonly positions?: { readonly table: string; readonly scale: number };
  readonly out: string;
}

/**
 * Normalises the last axis. rms: x / sqrt(mean(x²) + eps) · γ. layer: (x − mean) / sqrt(var + eps) · γ + β.
 * γ = weight + (unitOffset ? 1 : 0).
 */
export interface NormNode extends NodeBase {
  readonly op: 'norm';
  readonly width: number;
  readonly kind: 'rms' | 'layer';
  readonly eps: number;
  readonly unitOffset: boolean;
  readonly x: string;
  readonly weight: string;
  readonly bias?: string;
  readonly out: string;
}

/**
 * y = act(x · Wᵀ + b), with W `[outWidth, inWidth]`. With `gate`, y = act(x · Wgᵀ + bg) · (x · Wᵀ + b).
 * With `accumulate`, out += y. With `rows: 'last'`, only the last token of each sequence is read and out is `[B, outWidth]`-shaped.
 */
export interface LinearNode extends NodeBase {
  readonly op: 'linear';
  readonly x: string;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly gate?: { readonly weight: string; readonly bias?: string };
  readonly activation?: Activation;
  readonly accumulate: boolean;
  /** `logits`: only the rows whose logits are asked for (the last of each sequence, or all). */
  readonly rows: 'all' | 'logits';
  readonly out: string;
}

/** Normalisation of one head's D entries: rms with γ `[D]`, or l2 in equal groups without weight. */
export interface HeadNorm {
  readonly kind: 'rms' | 'l2';
  readonly eps: number;
  readonly groups: number;
  readonly weight?: string;
  readonly unitOffset: boolean;
}

/** Rotation of the first `dim` entries of each head by position; `table` holds (cos, sin) of position × frequency. */
export interface Rotation {
  readonly dim: number;
  readonly base: number;
  readonly pairing: 'half' | 'interleaved';
  readonly table: string;
}

/** x `[B, I, H·D]` → out `[B, I, H, D]`: norm, then rotation at position past + i. May be in place. */
export interface QueryHeadsNode extends NodeBase {
  readonly op: 'query_heads';
  readonly x: string;
  readonly heads: number;
  readonly headDim: number;
  readonly norm?: HeadNorm;
  readonly rotation?: Rotation;
  readonly out: string;
}

/** k `[B, I, K·D]`, v `[B, I, K·Dv]` → rows past … past + count − 1 of the caches `[B, K, C, D]`, `[B, K, C, Dv]`; keys are normalised and rotated. */
export interface AppendNode extends NodeBase {
  readonly op: 'append';
  readonly k: string;
  readonly v: string;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly norm?: HeadNorm;
  readonly rotation?: Rotation;
  readonly kCache: string;
  readonly vCache: string;
  readonly cacheDtype: CacheDtype;
}

/** Memory keys `[K, M, D]` normalised as the sequence's keys are. Does not depend on the input: run once. */
export interface MemoryKeysNode extends NodeBase {
  readonly op: 'memory_keys';
  readonly memory: string;
  readonly kvHeads: number;
  readonly slots: number;
  readonly headDim: number;
  readonly norm: HeadNorm;
  readonly out: string;
}

/**
 * q `[B, I, H, D]` against the key columns `[memory | sequence]` → out `[B, I, H, Dv]`.
 * The sequence's k and v are `[B, K, C, D]` (`heads-first`: a cache) or `[B, J, K, D]` (`tokens-first`: given by the app).
 * Causal: query i of a sequence sees sequence keys ≤ past + i. A row that sees nothing is zero.
 */
export interface AttentionNode extends NodeBase {
  readonly op: 'attention';
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly keyLayout: 'heads-first' | 'tokens-first';
  readonly keyDtype: CacheDtype;
  readonly memory?: { readonly k: string; readonly v: string };
  readonly columns: KeyColumns;
  readonly heads: HeadGroup;
  readonly headDim: number;
  readonly valueDim: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly out: string;
}
