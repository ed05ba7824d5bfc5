import type { Expression } from '../../expression/tree.ts';
import type { CacheDtype, CacheLayout } from './cache.ts';
import type { HeadClass, HeadGroup, HeadNormShape, QkNormShape } from './heads.ts';
import type { KeyColumns, MaskShape } from './mask.ts';
import type { AlibiShape, RopeShape, T5Shape } from './positions.ts';

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

/** A tensor of the expression language: an axis for each of its indices, none for a single number. */
export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Given with each call, where it is not learned. */
  readonly runtime?: true;
}

export interface ValueResidualShape {
  /** m, or `learned`: σ(x·W + b) per KV head with W `[K, hidden]`, b `[K]`, x the layer's attention input. */
  readonly mix: number | 'learned';
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
