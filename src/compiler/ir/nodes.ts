import type { Dim } from '../check/dims.ts';
import type {
  Activation,
  AlibiShape,
  AttentionShape,
  CacheDtype,
  CacheLayout,
  ClampedSwiglu,
  ExpertGroups,
  ExpertsShape,
  HeadGroup,
  HeadNormShape,
  KeyColumns,
  MaskShape,
  ParameterShape,
  RopeScaling,
  T5Shape,
  WeightShape,
} from '../check/shaped-spec.ts';
import type { Expression } from '../expression/tree.ts';

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
 * `input` and `output` are the interface; `cache` outlives a call, and so do the tables of its `pages`; `activation` is scratch; `table` is computed by the host, `prepared` once from weights.
 * An activation or output may be written by many nodes: the residual stream `x` is.
 */
export interface TensorDecl {
  readonly name: string;
  readonly role: 'input' | 'weight' | 'cache' | 'pages' | 'activation' | 'output' | 'table' | 'prepared';
  /** `f32` activations; ids are `u32`; weights and caches as the spec says. Weights of integers have a `weight.quantization`, caches of `int8` a scale for each row. */
  readonly dtype: 'f32' | 'f16' | 'bf16' | 'int8' | 'int4' | 'u32';
  readonly shape: readonly Dim[];
  readonly weight?: WeightShape;
  /** What the module has of `weight`; absent: all of it. */
  readonly part?: WeightPart;
  /** How a cache is stored, whose shape here is that of a dense one, or the cache that `pages` are of. */
  readonly layout?: CacheLayout;
}

/** Of one axis the `size` entries from each of `starts` on, in that order. */
export interface WeightPart {
  readonly axis: number;
  readonly size: number;
  readonly starts: readonly number[];
}

/** Axes: B batch, I new tokens of each sequence, X rows of a context, C cache capacity, H query heads, K KV heads, D key width, Dv value width. */
export type Node =
  | EmbedNode
  | NormNode
  | LinearNode
  | RouteNode
  | ExpertsUpNode
  | ExpertsDownNode
  | LatentHeadsNode
  | LatentQueriesNode
  | LatentValuesNode
  | QueryHeadsNode
  | AppendNode
  | MemoryKeysNode
  | MixValuesNode
  | AttentionNode
  | GateHeadsNode
  | HeadInputsNode
  | HeadResultsNode;

export type NodeOp = Node['op'];

interface NodeBase {
  /** Index of the layer that the node belongs to. */
  readonly layer?: number;
  /** `context`: the rows are those of a cross-attention's context, `[B, X]`, and its caches hold X of C rows. Default: the new tokens. */
  readonly rows?: 'context';
}

/**
 * out `[B, I, width]`, the sum of what is given: tokens.scale · table[id] with ids `[B, I]`,
 * positions.scale · table[past + i + positions.offset], and row 0 of `types`. The table of `sinusoids` is the host's: row p has
 * sin and cos of p · 10000^(−2e / width) for pair e, at 2e and 2e + 1 (`interleaved`) or at e and e + width / 2 (`half`).
 */
export interface EmbedNode extends NodeBase {
  readonly op: 'embed';
  readonly width: number;
  readonly tokens?: { readonly ids: string; readonly table: string; readonly scale: number };
  readonly positions?: {
    readonly table: string;
    readonly scale: number;
    readonly offset: number;
    readonly sinusoids?: 'half' | 'interleaved';
  };
  readonly types?: string;
  readonly out: string;
}

/**
 * Normalises the last axis. rms: x / sqrt(mean(x²) + eps) · γ. layer: (x − mean) / sqrt(var + eps) · γ + β.
 * γ = weight + (unitOffset ? 1 : 0), or 1 without a weight. With `accumulate` the result is added to out. x is not out.
 * Rows of x may be wider, `xWidth`: their first `width` entries are read. With `rest`, rows of out are as wide, and end as those of x do.
 */
export interface NormNode extends NodeBase {
  readonly op: 'norm';
  readonly width: number;
  /** Each token has so many rows, `[B, I, heads, width]`. */
  readonly heads?: number;
  readonly kind: 'rms' | 'layer';
  readonly eps: number;
  readonly unitOffset: boolean;
  readonly x: string;
  readonly xWidth?: number;
  readonly rest?: true;
  readonly weight?: string;
  readonly bias?: string;
  readonly accumulate: boolean;
  readonly out: string;
}

/**
 * y = act(x · Wᵀ + b), with W `[outWidth, inWidth]`. With `gate`, y = act(x · Wgᵀ + bg) · (x · Wᵀ + b); see `ClampedSwiglu` for its form.
 * y is then kept within ±clip, multiplied by `scale`, and becomes c · tanh(y / c) with c = `softcap`, where these are given.
 * With `accumulate`, out += y. With `logits`, out has a row for each row of logits that is asked for.
 * With `inputHeads` n, x is `[B, I, n, inWidth]`, and the outputs are n equal parts, each made from the row of its own head.
 */
export interface LinearNode extends NodeBase {
  readonly op: 'linear';
  readonly x: string;
  readonly inputHeads?: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly gate?: Gate;
  readonly activation?: NodeActivation;
  readonly clip?: number;
  readonly scale?: number;
  readonly softcap?: number;
  readonly accumulate: boolean;
  /** Only the rows whose logits are asked for (the last of each sequence, or all). */
  readonly logits: boolean;
  readonly out: string;
}

/** A clamped one has a gate beside it. */
export type NodeActivation = Activation | 'sigmoid' | ClampedSwiglu;

export interface Gate {
  readonly weight: string;
  readonly bias?: string;
}

/**
 * logits `[B, I, experts]` → chosen u32 `[B, I, active]`, the best expert first and of equal ones the one that comes first, and
 * out `[B, I, active]`, their weights times `scale`. See `ExpertsShape`. `normalized` divides by the sum + 1e-20.
 */
export interface RouteNode extends NodeBase {
  readonly op: 'route';
  readonly logits: string;
  /** f32 `[experts]`. */
  readonly correction?: string;
  readonly experts: number;
  readonly active: number;
  readonly scoring: ExpertsShape['scoring'];
  readonly normalized: boolean;
  readonly scale: number;
  readonly groups?: ExpertGroups;
  readonly chosen: string;
  readonly out: string;
}

/** x `[B, I, inWidth]` → out `[B, I, active, outWidth]`: what `linear` makes of x with the matrices of each chosen expert, W `[experts, outWidth, inWidth]`. */
export interface ExpertsUpNode extends NodeBase {
  readonly op: 'experts_up';
  readonly x: string;
  readonly chosen: string;
  readonly experts: number;
  readonly active: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly gate?: Gate;
  readonly activation: NodeActivation;
  readonly out: string;
}

/** x `[B, I, active, inWidth]` → y `[B, I, outWidth]`: scale · Σ shares[s] · (x[s] · Wᵀ + b) over the slots, with the matrix of the expert in each. */
export interface ExpertsDownNode extends NodeBase {
  readonly op: 'experts_down';
  readonly x: string;
  readonly chosen: string;
  readonly shares: string;
  readonly experts: number;
  readonly active: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly scale?: number;
  /** out += y. */
  readonly accumulate: boolean;
  readonly out: string;
}

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

/**
 * x `[B, I, heads·(ownDim + valueDim)]`, each head's own key entries and its value, and the last `sharedDim` entries of the rows of
 * latent `[B, I, rank + sharedDim]` → k `[B, I, heads·(ownDim + sharedDim)]`, own entries first, and out `[B, I, heads·valueDim]`, the values.
 */
export interface LatentHeadsNode extends NodeBase {
  readonly op: 'latent_heads';
  readonly x: string;
  readonly latent: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly k: string;
  readonly out: string;
}

/**
 * q `[B, I, heads·(ownDim + sharedDim)]` → out `[B, I, heads, rank + sharedDim]`: the own entries of each head as Wᵀ · them, and the
 * others as they are. W are the `ownDim` rows of the head in weight `[heads·(ownDim + valueDim), rank]`: a product with such a query
 * and a latent row is that of the query with the key that would be made of the row.
 */
export interface LatentQueriesNode extends NodeBase {
  readonly op: 'latent_queries';
  readonly q: string;
  readonly weight: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly out: string;
}

/** z `[B, I, heads, rank]` → out `[B, I, heads, valueDim]`: W · z with the last `valueDim` rows of the head in weight, as in `latent_queries`. */
export interface LatentValuesNode extends NodeBase {
  readonly op: 'latent_values';
  readonly z: string;
  readonly weight: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly valueDim: number;
  readonly out: string;
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

/**
 * q `[B, I, H, D]` against the key columns `[zero | memory | sequence]` → out `[B, I, H, Dv]`.
 * The sequence's k and v are `[B, K, C, D]` (`heads-first`: a cache) or `[B, J, K, D]` (`tokens-first`: given by the app).
 * Order: similarity · scale → mixing `pre` → biases and softcap (of sequence columns; the cap is for all columns), or `score` in their place → masks → sink → normaliser → mixing `post`,
 * `preScalePost` → values. The zero column's similarity is 0 (`dot`) or −‖q‖² (`l2`). Positions: query i stands at past + i. A row that sees nothing is zero.
 * Rows of heads that are not `active` are zero. `heads.numbers` says how biases and expressions count the heads.
 * In cross-attention (`cross`) the sequence is the context: its length per sequence, never causal.
 * Without v the values are the first Dv entries of the keys; never with memory.
 */
export interface AttentionNode extends NodeBase {
  readonly op: 'attention';
  readonly q: string;
  readonly k: string;
  readonly v?: string;
  readonly cross: boolean;
  readonly keyLayout: 'heads-first' | 'tokens-first';
  readonly keyDtype: CacheDtype;
  readonly cacheLayout?: CacheLayout;
  /** As in the append before it. */
  readonly pages?: string;
  readonly memory?: { readonly k: string; readonly v: string };
  readonly columns: KeyColumns;
  readonly heads: HeadGroup;
  readonly headDim: number;
  readonly valueDim: number;
  readonly similarity: 'dot' | 'l2';
  /** Precision that sums of similarities may have; absent: f32. */
  readonly compute?: 'f16';
  readonly scale: number;
  readonly mask: MaskShape;
  /** u32 `[B, J]` (`[B, X]` in cross-attention); present when `mask.padding` is not none. */
  readonly keyMask?: string;
  /** Indices of query heads, or a mask u32 `[H]`; absent: all. Never with mixing. */
  readonly active?: readonly number[] | { readonly mask: string };
  /** u32 `[B, J]`; present with `mask.documents`. */
  readonly documents?: string;
  /** f32 `[H]`. */
  readonly sinks?: string;
  readonly softcap?: { readonly cap: number; readonly order: 'cap-bias' | 'bias-cap' };
  /** Of all columns; `s` is the scaled and mixed similarity, `k` is not defined on zero and memory columns. */
  readonly score?: Expression;
  /** What `score` and `mask.where` index, each with its tensor. */
  readonly parameters: readonly (ParameterShape & { readonly tensor: string })[];
  /** f32 `[1|B, 1|H, I, J]`. */
  readonly bias?: { readonly tensor: string; readonly perBatch: boolean; readonly perHead: boolean };
  readonly alibi?: AlibiShape;
  /** Table f32 `[buckets, H]`. */
  readonly t5?: T5Shape & { readonly table: string };
  /** Tensors `[H, H]`. */
  readonly mixing: { readonly pre?: string; readonly post?: string; readonly preScalePost?: string };
  readonly normalizer: AttentionShape['normalizer'];
  /**
   * Kept beside the output, `[B, H, I, columns]`: what goes into the normaliser, `hiddenScore` where a column is hidden, and what the
   * values are multiplied with.
   */
  readonly kept?: { readonly scores?: string; readonly pattern?: string };
  readonly out: string;
}
