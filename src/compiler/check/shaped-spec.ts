import type { KeyBounds } from '../expression/bounds.ts';
import type { Expression } from '../expression/tree.ts';
import type { Span } from '../source/source.ts';
import type { Activation, MlpShape } from './mlp-shape.ts';
import type { WeightShape } from './weight-shape.ts';

export type { Activation, ClampedSwiglu, ExpertGroups, ExpertsShape, MlpShape } from './mlp-shape.ts';
export type { Quantization, WeightBlocks, WeightShape, WeightSource } from './weight-shape.ts';

/**
 * What `inferShapes` hands to `lower`: every option resolved, every dimension known, every rule passed.
 * Axes are named as in docs/spec.md: H query heads, K KV heads, G = H / K, D key width, Dv value width, M memory slots.
 */
export interface ShapedSpec {
  readonly name: string;
  /** Which of several attentions of the spec it is; they become modules of their own. */
  readonly part?: string;
  /** Absent when the spec describes attention alone; `layers` then holds one layer without norms or MLP. */
  readonly model?: ModelShape;
  readonly layers: readonly LayerShape[];
  /** The name of each layer's kind; absent when all layers are alike. */
  readonly layerKinds?: readonly string[];
  /** Every weight, by canonical name, in the order in which the forward pass first reads it. */
  readonly weights: readonly WeightShape[];
  /** How matrices without a `quantization` are stored on the device; `checkpoint` is resolved before this stage. */
  readonly weightDtype: WeightDtype;
  /** Path of the checkpoint as written in the spec, if any. */
  readonly weightsFile?: string;
  /** Where an option of all layers, or of one, was written, by its path in the option table (`attention.kv_heads`); undefined when defaulted. */
  readonly spanOf: (path: string, layer?: number) => Span | undefined;
}

export type WeightDtype = 'f32' | 'f16' | 'bf16';
/** `int8`: each row of each head as integers from −127 to 127, times an f32 of its own: its largest magnitude / 127. */
export type CacheDtype = 'f32' | 'f16' | 'int8';

/**
 * Where the row of a position lies. `ring`: at position mod `rows`, which hold what the first of `longestCall` new tokens sees.
 * `paged`: pages of `pageSize` (a power of two) positions, found by a table `[B, ceil(C / pageSize)]`.
 */
export type CacheLayout =
  | { readonly kind: 'ring'; readonly rows: number; readonly longestCall: number }
  | { readonly kind: 'paged'; readonly pageSize: number };

export interface ModelShape {
  readonly vocab: number;
  readonly hidden: number;
  /** Longest sequence, in tokens. */
  readonly context: number;
  readonly tieEmbeddings: boolean;
  /** Factor on token embeddings. */
  readonly embeddingScale: number;
  /** Width of the token table and of the head where it differs from `hidden`: `embed_in` and `embed_out` lead from one to the other. */
  readonly embeddingWidth?: number;
  /** Norm of the sum of tokens, positions and token types. */
  readonly embeddingNorm?: NormShape;
  /** Rows of the table of token types, of which row 0 is added to every token. */
  readonly tokenTypes?: number;
  /** Added to the embeddings. */
  readonly positions?: LearnedPositions | SinusoidalPositions;
  readonly block: BlockShape;
  /** Norms of every layer, those that its `block` has. */
  readonly layerNorms: LayerNorms;
  /** Absent when the last layer's output goes to the head as it is. */
  readonly finalNorm?: NormShape;
  readonly head: HeadShape;
}

/** scale · table[position + offset], table `[context + offset, hidden]`. */
export interface LearnedPositions {
  readonly kind: 'learned';
  readonly scale: number;
  readonly offset: number;
}

/**
 * scale · (sin, cos) of (position + offset) · 10000^(−2e / hidden) for pair e. `interleaved`: pair e lies at 2e and 2e + 1.
 * `half`: at e and e + hidden / 2. `hidden` is even.
 */
export interface SinusoidalPositions {
  readonly kind: 'sinusoidal';
  readonly scale: number;
  readonly offset: number;
  readonly pairing: 'half' | 'interleaved';
}

export interface BlockShape {
  /** `pre`: x + f(norm(x)). `post`: norm(x + f(x)). `sandwich`: x + outNorm(f(norm(x))). `output`: x + outNorm(f(x)). */
  readonly norms: 'pre' | 'post' | 'sandwich' | 'output';
  /** x + attention(norm(x)) + mlp(norm(x)), with one norm or with `mlp_norm` for the MLP; `pre` only. */
  readonly parallel: 'none' | 'one_norm' | 'two_norms';
  /** Factor on what a part adds to x; 1 with `sandwich` and `output`. */
  readonly residualScale: number;
}

export type HeadShape =
  /** The residual stream is the output. */
  | { readonly kind: 'hidden' }
  | {
      readonly kind: 'logits';
      readonly bias: boolean;
      /** Factor on the logits. */
      readonly scale: number;
      /** c · tanh(x / c) on the scaled logits. */
      readonly softcap?: number;
      /** norm(act(W·x + b)) before the head, W `[embeddingWidth, hidden]`. */
      readonly transform?: { readonly activation: Activation; readonly norm: NormShape };
    };

export interface NormShape {
  readonly kind: 'rms' | 'layer';
  /** Added to the mean square (rms) or the variance (layer). */
  readonly eps: number;
  /** False: γ = 1. */
  readonly weight: boolean;
  /** The stored weight is γ − 1. */
  readonly unitOffset: boolean;
  readonly bias: boolean;
}

export interface LayerShape {
  readonly attention: AttentionShape;
  /** Present exactly when the spec has a model. */
  readonly mlp?: MlpShape;
}

/** `attention`, `mlp`: of a part's input; with `post`, of the sum after it. `attentionOut`, `mlpOut`: of a part's output. */
export interface LayerNorms {
  readonly attention?: NormShape;
  readonly attentionOut?: NormShape;
  readonly mlp?: NormShape;
  readonly mlpOut?: NormShape;
}

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

/** The key columns that precede the sequence: `[zero | memory | cache | new]`. Zero and memory columns have no position. */
export interface KeyColumns {
  readonly zero: 0 | 1;
  readonly memory: number;
}

export interface AttentionShape {
  /**
   * `hidden`: q, k, v are projected from one input `[B, I, hidden]`. `split`: each head from an input of its own, q `[B, I, H, hidden]`,
   * k and v `[B, I, K, hidden]`; in a model these are copies of the residual stream, with what a call adds to them. `heads`: q, k, v are given, already split into heads.
   */
  readonly inputs: 'hidden' | 'split' | 'heads';
  /** Width of the input; absent for `heads`. */
  readonly hidden?: number;
  /** Width of the output projection's result. Default: `hidden`. */
  readonly outHidden?: number;
  /** Keys and values are projected from a context `[B, X, width]` instead of the input. Never causal, no RoPE. */
  readonly cross?: { readonly width: number };
  readonly heads: HeadGroup;
  /** How q, k and v are made from latent rows in place of one projection each; K = H then. */
  readonly latent?: LatentShape;
  /** Query heads that are computed, ascending, or `runtime`: a mask `[H]` per call says. The heads' output of the others is zero. Absent: all. */
  readonly activeHeads?: readonly number[] | 'runtime';
  /** D. */
  readonly headDim: number;
  /** Dv. */
  readonly valueDim: number;
  /** `dot`: q·k. `l2`: −‖q − k‖². */
  readonly similarity: 'dot' | 'l2';
  /** Factor on the similarity. */
  readonly scale: number;
  /** Projected q, k and v are kept within ±c. */
  readonly clipQkv?: number;
  /** Norms of q and k, in order of application. */
  readonly qkNorms: readonly QkNormShape[];
  /** Norm of the values over Dv, before they are cached; memory values do not get it. */
  readonly valueNorm?: HeadNormShape;
  /** From the second layer on: v = v₀ + m · (v − v₀) with the first layer's values v₀, before the value norm. */
  readonly valueResidual?: ValueResidualShape;
  readonly rope?: RopeShape;
  /** Additive bias from positions. Zero and memory columns get none. */
  readonly biasPosition?: AlibiShape | T5Shape;
  readonly columns: KeyColumns;
  readonly mask: MaskShape;
  /** A learned logit `[H]` in the denominator: not scaled, not capped, without a value. */
  readonly sinks: boolean;
  /** c · tanh(x / c) on the logits, before or after the additive biases. */
  readonly softcap?: { readonly cap: number; readonly order: 'cap-bias' | 'bias-cap' };
  /** The logit from the scaled similarity `s`, in place of softcap and biases; defined on all columns. Zero and memory columns have no `k`. */
  readonly score?: Expression;
  /** What `score` and `mask.where` index, in the order of declaration. */
  readonly parameters: readonly ParameterShape[];
  /** A tensor given at run time, `[1|B, 1|H, I, J]`, added to the logits of sequence columns. */
  readonly biasTensor?: { readonly perBatch: boolean; readonly perHead: boolean };
  /** `pre`: s + W·s. `post`: W·p. `preScalePost`: p · (W·s), s as it is before `pre`. W `[H, H]` over query heads; biases and masks come between. */
  readonly headMixing: { readonly pre: boolean; readonly post: boolean; readonly preScalePost: boolean };
  /** `sigmoid`: σ(s), masked entries 0, sinks have no effect. `topk`: softmax over the k largest logits of a row (all columns and the sink compete; ties are kept). */
  readonly normalizer:
    | { readonly kind: 'softmax' }
    | { readonly kind: 'sigmoid' }
    | { readonly kind: 'topk'; readonly k: number };
  readonly gates: GatesShape;
  readonly biases: { readonly q: boolean; readonly k: boolean; readonly v: boolean; readonly o: boolean };
  readonly cacheDtype: CacheDtype;
  /** KV heads whose cache has another dtype; disjoint. */
  readonly cacheRanges?: readonly { readonly kvHeads: readonly number[]; readonly dtype: CacheDtype }[];
  /** Heads that are worked on apart from each other, each class adding to the output; heads of none are not computed. Absent: all at once. */
  readonly classes?: readonly HeadClass[];
  /** Absent: a row for each position, `[B, K, C, width]`. */
  readonly cacheLayout?: CacheLayout;
  /** Precision that sums of products of queries and keys may have; absent: f32. */
  readonly compute?: 'f16';
  /** Storage of given queries and of the output; absent: f32. */
  readonly activations?: 'f16';
  /** Activations that are returned beside the output. */
  readonly hooks: readonly HookName[];
}

/**
 * `q_input`, `k_input`, `v_input`: what a model's split inputs are, before the norm. `q`, `k`, `v`: as projected, v after the value residual. `rot_q`, `rot_k`: after norms and rotation. `scores`: what goes into the
 * normaliser. `pattern`: what the values are multiplied with. `z`: what the output projection reads. `result`: what it makes of each head.
 */
export type HookName =
  | 'q_input'
  | 'k_input'
  | 'v_input'
  | 'q'
  | 'k'
  | 'v'
  | 'rot_q'
  | 'rot_k'
  | 'scores'
  | 'pattern'
  | 'z'
  | 'result';

/**
 * Queries: q_b · norm(q_a · x), or q · x without `qRank`. Keys and values: kv_b · norm(the first `kvRank` entries of kv_a · x)
 * gives `nopeDim` entries of the key and then the value of each head; the other `ropeDim` entries of kv_a · x end the key of
 * every head. The norms are RMS norms with weights.
 */
export interface LatentShape {
  readonly qRank?: number;
  readonly kvRank: number;
  readonly nopeDim: number;
  readonly ropeDim: number;
  readonly normEps: number;
  /** Of the projections that make latent rows: q_a, if there is one, and kv_a. */
  readonly bias: boolean;
  /** What is cached of a token: `expanded` k and v of all heads, or the `latent` row: norm(the first `kvRank` entries of kv_a · x), then the turned others. */
  readonly cache: 'expanded' | 'latent';
}

export interface MaskShape {
  /** Right-aligned: query i sees sequence keys up to its own position. */
  readonly causal: boolean;
  /** Keys that stand W or more positions before the query are hidden: with `causal` the last W keys remain, the query's own included. */
  readonly window?: number;
  /** Only keys whose position divided by C is the query's: the sequence is cut after every C positions. Memory and zero columns are seen from all chunks. */
  readonly chunk?: number;
  /** Keys at positions before this are seen by every query, whatever `causal`, `window` and `chunk` hide; `runtime`: given per sequence with each call. */
  readonly prefix?: number | 'runtime';
  /** A runtime tensor `documents` u32 `[B, J]`: a query sees keys of its own document. */
  readonly documents: boolean;
  /** Memory and zero columns under a window: visible always, or windowed as if they stood right before the first token (slot m at m − M, zero at −M − 1). */
  readonly memoryVisible: 'always' | 'windowed';
  /** A runtime tensor `key_mask` u32 `[B, J]`, 1 where a key may be seen. `queries` also makes the rows of hidden tokens zero (self-attention). */
  readonly padding: 'none' | 'keys' | 'keys_and_queries';
  /** Hidden where this does not hold. `sequence`: zero and memory columns are visible whatever it says. */
  readonly where?: {
    readonly condition: Expression;
    readonly columns: 'sequence' | 'all';
    /** Sequence keys that it can show. */
    readonly bounds: KeyBounds;
  };
}

/** A tensor of the expression language: an axis for each of its indices, none for a single number. */
export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Given with each call, where it is not learned. */
  readonly runtime?: true;
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

export interface ValueResidualShape {
  /** m, or `learned`: σ(x·W + b) per KV head with W `[K, hidden]`, b `[K]`, x the layer's attention input. */
  readonly mix: number | 'learned';
}

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

export interface GatesShape {
  /** A learned factor `[H]` on each head's output. */
  readonly headScale: boolean;
  /** σ(x·W + b) per query head, W `[H, hidden]`, b `[H]`, on each head's output. */
  readonly head: boolean;
  /** A gate per entry of the heads' output: act(x·W), W `[H·Dv, hidden]`. */
  readonly value: 'none' | 'sigmoid' | 'silu';
  /** The output projection makes 2 · hidden: a · σ(b), `o.weight` the first half, `o_gate.weight` the second. */
  readonly outputGlu: boolean;
}
