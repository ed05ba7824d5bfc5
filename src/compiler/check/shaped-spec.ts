import type { Span } from '../source/source.ts';

/**
 * What `inferShapes` hands to `lower`: every option resolved, every dimension known, every rule passed.
 * Axes are named as in docs/spec.md: H query heads, K KV heads, G = H / K, D key width, Dv value width, M memory slots.
 */
export interface ShapedSpec {
  readonly name: string;
  /** Absent when the spec describes attention alone; `layers` then holds one layer without norms or MLP. */
  readonly model?: ModelShape;
  readonly layers: readonly LayerShape[];
  /** Every weight, by canonical name, in the order in which the forward pass first reads it. */
  readonly weights: readonly WeightShape[];
  /** How matrices are stored on the device; `checkpoint` is resolved before this stage. */
  readonly weightDtype: WeightDtype;
  /** Path of the checkpoint as written in the spec, if any. */
  readonly weightsFile?: string;
  /** Where an option was written, by its path in the option table (`attention.kv_heads`); undefined when defaulted. */
  readonly spanOf: (path: string) => Span | undefined;
}

export type WeightDtype = 'f32' | 'f16' | 'bf16';
export type CacheDtype = 'f32' | 'f16';

export interface ModelShape {
  readonly vocab: number;
  readonly hidden: number;
  /** Longest sequence, in tokens. */
  readonly context: number;
  readonly tieEmbeddings: boolean;
  /** Factor on token embeddings. */
  readonly embeddingScale: number;
  /** Learned positions `[context, hidden]`, multiplied by `scale` and added to the embeddings. */
  readonly learnedPositions?: { readonly scale: number };
  readonly finalNorm: NormShape;
}

export interface NormShape {
  readonly kind: 'rms' | 'layer';
  /** Added to the mean square (rms) or the variance (layer). */
  readonly eps: number;
  /** The stored weight is γ − 1. */
  readonly unitOffset: boolean;
  readonly bias: boolean;
}

export interface LayerShape {
  readonly attention: AttentionShape;
  /** Pre-norms and MLP: present exactly when the spec has a model. */
  readonly attentionNorm?: NormShape;
  readonly mlpNorm?: NormShape;
  readonly mlp?: MlpShape;
}

export interface HeadGroup {
  readonly qHeads: number;
  readonly kvHeads: number;
  /** G = qHeads / kvHeads. */
  readonly queriesPerKv: number;
  /** `blocked`: query head h reads KV head floor(h / G). `interleaved`: it reads h mod kvHeads. */
  readonly order: 'blocked' | 'interleaved';
}

/** The key columns that precede the sequence: `[zero | memory | cache | new]`. */
export interface KeyColumns {
  readonly zero: 0 | 1;
  readonly memory: number;
}

export interface AttentionShape {
  /** `hidden`: q, k, v are projected from one input `[B, I, hidden]`. `heads`: q, k, v are given, already split into heads. */
  readonly inputs: 'hidden' | 'heads';
  /** Width of the input and of the output projection; absent for `heads`. */
  readonly hidden?: number;
  readonly heads: HeadGroup;
  /** D. */
  readonly headDim: number;
  /** Dv. */
  readonly valueDim: number;
  /** Factor on q·k. */
  readonly scale: number;
  readonly qkNorm?: QkNormShape;
  readonly rope?: RopeShape;
  readonly columns: KeyColumns;
  /** The key norm applies to memory keys too. False without memory or norm. */
  readonly memoryNormalized: boolean;
  readonly causal: boolean;
  readonly biases: { readonly q: boolean; readonly k: boolean; readonly v: boolean; readonly o: boolean };
  readonly cacheDtype: CacheDtype;
}

export interface QkNormShape {
  /** `rms`: x / sqrt(mean(x²) + eps) · γ, one γ `[D]` for q and one for k. `l2`: x / max(‖x‖, eps) in each of `groups` equal parts of D, no weight. */
  readonly kind: 'rms' | 'l2';
  readonly eps: number;
  readonly unitOffset: boolean;
  readonly groups: number;
}

export interface RopeShape {
  /** Rotated width r: even, 0 < r ≤ D; the first r entries of a head are rotated. */
  readonly dim: number;
  readonly base: number;
  /** `half`: entry e pairs with e + r/2. `interleaved`: 2e pairs with 2e + 1. */
  readonly pairing: 'half' | 'interleaved';
}

export interface MlpShape {
  /** `gated`: down(act(gate(x)) · up(x)). `plain`: down(act(up(x))). */
  readonly kind: 'gated' | 'plain';
  readonly activation: Activation;
  readonly width: number;
  readonly biases: { readonly up: boolean; readonly gate: boolean; readonly down: boolean };
}

export type Activation = 'silu' | 'gelu' | 'gelu_tanh' | 'relu' | 'relu2';

/**
 * One weight. Matrices are `[out, in]`. Canonical names, with the layer's index for `{i}`:
 * `embed.weight` `[vocab, hidden]` · `positions.weight` `[context, hidden]` · `layers.{i}.attn_norm.weight|bias` `[hidden]` ·
 * `layers.{i}.attn.q|k|v|o.weight|bias` · `layers.{i}.attn.q_norm|k_norm.weight` `[D]` · `layers.{i}.attn.memory_k` `[K, M, D]` ·
 * `layers.{i}.attn.memory_v` `[K, M, Dv]` · `layers.{i}.mlp_norm.weight|bias` · `layers.{i}.mlp.up|gate|down.weight|bias` ·
 * `final_norm.weight|bias` · `head.weight` `[vocab, hidden]` (not when embeddings are tied).
 * For attention alone the prefix `layers.{i}.` is dropped.
 */
export interface WeightShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Matrices (`embed`, `positions`, projections, MLP, head) take `weightDtype`; vectors and memory are always f32 on the device. */
  readonly role: 'matrix' | 'vector' | 'memory';
  readonly source: WeightSource;
}

/** Where a weight lies in the checkpoint: a tensor, and the range of its first axis when only a part of it is meant. */
export interface WeightSource {
  readonly tensor: string;
  readonly rows?: readonly [start: number, end: number];
}
