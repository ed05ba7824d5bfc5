import type {
  ExpertGroups,
  ExpertsShape,
  HeadGroup,
  HeadNormShape,
  KeyColumns,
  MaskShape,
} from '../check/shaped-spec.ts';
import type { Expression } from '../expression/tree.ts';
import type { NodeActivation } from '../ir/nodes.ts';

/**
 * A kernel plan fixes everything that a kernel's text depends on: shapes, options, storage formats, tile sizes. Equal plans
 * give equal text, so layers of one shape share one kernel. `emit-wgsl` prints a plan; it decides nothing.
 */
export type KernelPlan =
  | EmbedPlan
  | NormPlan
  | LinearTilePlan
  | LinearMatrixPlan
  | LinearRowPlan
  | RoutePlan
  | ExpertsUpPlan
  | ExpertsDownPlan
  | LatentHeadsPlan
  | LatentQueriesPlan
  | LatentValuesPlan
  | QueryHeadsPlan
  | MemoryKeysPlan
  | AppendPlan
  | MixValuesPlan
  | GateHeadsPlan
  | HeadInputsPlan
  | HeadResultsPlan
  | AttentionTilePlan
  | AttentionMatrixPlan
  | AttentionSplitPlan
  | AttentionSplitSubgroupsPlan
  | AttentionCombinePlan
  | AttentionJoinPlan
  | AttentionScoresPlan
  | HeadOrderPlan
  | HeadMixPlan
  | AttentionSoftmaxPlan
  | AttentionValuesPlan
  | LogitMaximaPlan
  | SamplePlan;

/** Every plan says how many invocations a workgroup has and what workgroup memory they share. */
interface PlanBase {
  readonly threads: number;
  readonly workgroup: readonly WorkgroupArray[];
}

export interface WorkgroupArray {
  readonly name: string;
  readonly element: 'f32' | 'u32' | 'vec2f' | 'vec4f' | 'vec4u' | 'vec4h' | 'atomic<u32>';
  readonly length: number;
}

export type Stage = KernelPlan['stage'];

/** How four neighbouring elements lie in a buffer. `packed`: two 16-bit values in each u32, for devices without shader-f16. */
export type Storage = 'f32' | 'f16' | 'f16-packed' | 'bf16-packed';

/** Integers that share a scale in groups: eight or four codes in each u32, and from word `scalesAt` on the scales, two f16 in each. */
export interface QuantizedStorage {
  readonly dtype: 'int8' | 'int4';
  readonly group: number;
  readonly scalesAt: number;
}

export type MatrixStorage = Storage | QuantizedStorage;

/** How keys and values are stored: `int8` in rows that have a scale each. */
export type KeyStorage = Storage | 'int8';

/** Where rows of a cache lie: position p in row p mod `rows`, or in a page of `pageSize` positions. Absent: a row for each position. */
export type CachePlan =
  | { readonly kind: 'ring'; readonly rows: number }
  | { readonly kind: 'paged'; readonly pageSize: number };

export interface EmbedPlan extends PlanBase {
  readonly stage: 'embed';
  readonly width: number;
  readonly tokens?: { readonly table: Storage; readonly scale: number };
  readonly positions?: { readonly table: Storage; readonly scale: number; readonly offset: number };
  readonly types?: Storage;
}

export interface NormPlan extends PlanBase {
  readonly stage: 'norm';
  readonly kind: 'rms' | 'layer';
  readonly width: number;
  /** Rows of each token. */
  readonly heads?: number;
  /** Of the rows of x, where they are wider. */
  readonly xWidth?: number;
  /** Of which the entries behind `width` are copied. */
  readonly rest?: true;
  readonly eps: number;
  /** `offset`: the stored weight is γ − 1. */
  readonly weight: 'none' | 'plain' | 'offset';
  readonly bias: boolean;
  /** Adds to the output instead of writing it. */
  readonly accumulate: boolean;
}

interface LinearOptions extends PlanBase {
  /** Rows of x for each token; the columns of the output are so many equal parts, each made from its own row. */
  readonly inputHeads: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: MatrixStorage;
  readonly bias: boolean;
  readonly gate: 'none' | 'plain' | 'biased';
  readonly activation: NodeActivation | 'none';
  /** The result is kept within ±clip, multiplied by `scale`, and softly capped, where these are given. */
  readonly clip?: number;
  readonly scale?: number;
  readonly softcap?: number;
  /** Adds to the output instead of writing it: the residual stream. */
  readonly accumulate: boolean;
  /** Reads only the rows whose logits are asked for. */
  readonly logits: boolean;
}

/** Many rows: a `tileRows × tileColumns` tile of the output per workgroup, `tileDepth` entries of the inner axis at a time. */
export interface LinearTilePlan extends LinearOptions {
  readonly stage: 'linear_tile';
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tileDepth: number;
  /** Quads from one row of a tile to the next: one more than needed, so that neighbouring rows lie in different banks. */
  readonly tilePitch: number;
}

/**
 * As `linear_tile`, by subgroup matrices: entries of f16, sums of f32. A workgroup is a grid of subgroups, each of which holds
 * `rowBlocks × columnBlocks` blocks of 16 × 16 results, with a gate as many for it.
 */
export interface LinearMatrixPlan extends LinearOptions {
  readonly stage: 'linear_matrix';
  readonly subgroupRows: number;
  readonly subgroupColumns: number;
  readonly rowBlocks: number;
  readonly columnBlocks: number;
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tileDepth: number;
  /** Quads from one row of a tile to the next. */
  readonly tilePitch: number;
  /** Sums are what y takes: whole tiles are written, and added to, as matrices. */
  readonly writesMatrices: boolean;
}

/** One row: each of `outputs` results of a workgroup is summed by `lanes` invocations, so weights are read once, in order. */
export interface LinearRowPlan extends LinearOptions {
  readonly stage: 'linear_row';
  readonly lanes: number;
  readonly outputs: number;
  /** Quads of a row of weights that a load brings: two make 16 bytes of 16-bit entries. */
  readonly blockQuads: 1 | 2;
  /** Loads that a lane has in flight. */
  readonly reads: number;
  /** How the lanes' sums are added; subgroups are of 32. */
  readonly fold: 'subgroups' | 'workgroup';
  /** x is normalised on the way: the factor is known after the last entry, and scales the sums. */
  readonly norm?: RowNormPlan;
}

/** An rms norm without bias. */
export interface RowNormPlan {
  readonly eps: number;
  readonly weight: NormPlan['weight'];
}

/** Scores, choice and weights of the experts of one token. */
export interface RoutePlan extends PlanBase {
  readonly stage: 'route';
  readonly experts: number;
  readonly active: number;
  readonly scoring: ExpertsShape['scoring'];
  readonly normalized: boolean;
  readonly scale: number;
  readonly groups?: ExpertGroups;
  readonly correction: boolean;
}

/** `active` slots of a token, each with the matrices of its own expert; lanes and outputs as in `LinearRowPlan`. */
interface ExpertsOptions extends PlanBase {
  readonly active: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: MatrixStorage;
  readonly bias: boolean;
  readonly lanes: number;
  readonly outputs: number;
}

/** One row of x for all slots, a row of y for each. */
export interface ExpertsUpPlan extends ExpertsOptions {
  readonly stage: 'experts_up';
  readonly gate: 'none' | 'plain' | 'biased';
  readonly activation: NodeActivation;
}

/** A row of x for each slot, their weighted sum in one row of y. */
export interface ExpertsDownPlan extends ExpertsOptions {
  readonly stage: 'experts_down';
  readonly scale?: number;
  readonly accumulate: boolean;
}

export interface RotationPlan {
  readonly dim: number;
  readonly pairing: 'half' | 'interleaved';
  /** Heads before this one are not rotated. */
  readonly firstHead: number;
  /** Entries before this one are not rotated. */
  readonly firstEntry: number;
}

/** Keys and values of `heads` from what was expanded from a latent row, and its shared entries. */
export interface LatentHeadsPlan extends PlanBase {
  readonly stage: 'latent_heads';
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
}

/** Queries in the space of latent rows, `tokens` of one head in a workgroup. */
export interface LatentQueriesPlan extends PlanBase {
  readonly stage: 'latent_queries';
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly weight: MatrixStorage;
  readonly tokens: number;
}

/** Values of what was found in the space of latent rows; each is summed by `lanes` invocations side by side. */
export interface LatentValuesPlan extends PlanBase {
  readonly stage: 'latent_values';
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly valueDim: number;
  readonly weight: MatrixStorage;
  readonly tokens: number;
  readonly lanes: number;
}

/** Norms, in order, and rotation of heads. */
export interface QueryHeadsPlan extends PlanBase {
  readonly stage: 'query_heads';
  readonly heads: number;
  readonly headDim: number;
  readonly norms: readonly HeadNormShape[];
  readonly rotation?: RotationPlan;
}

/** Norms of memory keys `[K, M, D]`, which have no position. */
export interface MemoryKeysPlan extends PlanBase {
  readonly stage: 'memory_keys';
  readonly slots: number;
  readonly headDim: number;
  readonly norms: readonly HeadNormShape[];
}

export interface AppendPlan extends PlanBase {
  readonly stage: 'append';
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Values are the first entries of keys. */
  readonly valuesInKeys?: true;
  readonly norms: readonly HeadNormShape[];
  readonly rotation?: RotationPlan;
  readonly cache: KeyStorage;
  readonly cacheLayout?: CachePlan;
}

export interface MixValuesPlan extends PlanBase {
  readonly stage: 'mix_values';
  readonly kvHeads: number;
  readonly valueDim: number;
  readonly mix: number | 'gate';
}

export interface GateHeadsPlan extends PlanBase {
  readonly stage: 'gate_heads';
  readonly heads: number;
  readonly valueDim: number;
  readonly scale: boolean;
  readonly head: boolean;
  readonly entry: boolean;
}

export interface HeadInputsPlan extends PlanBase {
  readonly stage: 'head_inputs';
  readonly heads: number;
  readonly width: number;
}

export interface HeadResultsPlan extends PlanBase {
  readonly stage: 'head_results';
  readonly heads: number;
  readonly valueDim: number;
  readonly width: number;
  readonly weight: MatrixStorage;
}

/** What every form of the attention kernel has to agree on. */
export interface AttentionOptions {
  readonly heads: HeadGroup;
  /** Query heads that are computed, or `runtime`: what the mask `active_heads` says. Rows of the others become zero. Absent: all. */
  readonly active?: readonly number[] | 'runtime';
  readonly headDim: number;
  readonly valueDim: number;
  readonly similarity: 'dot' | 'l2';
  readonly scale: number;
  readonly mask: MaskShape;
  readonly columns: KeyColumns;
  readonly softcap?: { readonly cap: number; readonly order: 'cap-bias' | 'bias-cap' };
  readonly bias?: { readonly perBatch: boolean; readonly perHead: boolean };
  readonly score?: Expression;
  /** Names of the parameters that `score` and `mask.where` index. */
  readonly parameters: readonly string[];
  /** One slope for each query head, for `alibi_slope`. */
  readonly headSlopes?: readonly number[];
  /** One slope for each query head. */
  readonly alibiSlopes?: readonly number[];
  readonly t5?: T5Plan;
  readonly sinks: boolean;
  readonly keys: KeyStorage;
  /** `heads-first`: `[B, K, C, D]` with rows padded to four entries. `tokens-first`: `[B, J, K, D]` without padding. */
  readonly keyLayout: 'heads-first' | 'tokens-first';
  /** Values are the first entries of keys. */
  readonly valuesInKeys?: true;
  readonly cacheLayout?: CachePlan;
}

export interface T5Plan {
  readonly scale: number;
  /** Buckets of one direction; keys after the query use a second run of them. */
  readonly buckets: number;
  readonly bidirectional: boolean;
  /** Distances up to this have a bucket each. */
  readonly exact: number;
  /** The bucket after `exact` + n begins at the n-th of these distances: found by the host, as WGSL's log is not precise. */
  readonly starts: readonly number[];
}

/**
 * Rows are (token, query head of one KV head); a workgroup holds `tileRows` of them and walks over tiles of `tileKeys` key columns.
 * Scores and outputs are products of what is in `left` and in `right`: slices of their operands, in vectors of 16 bytes. An
 * invocation has `rowsEach` rows of both: the scores of one vector of keys, and `valueVectorsEach` vectors of the output.
 */
export interface AttentionTilePlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_tile';
  /** Precision of operands, products and their sums over a slice of keys or a tile of values; all other sums are f32. */
  readonly products: 'f32' | 'f16';
  /** With products of f16 workgroups whose sums outgrow their precision are marked; a kernel with products of f32 redoes these. */
  readonly marks?: 'written' | 'read';
  /** Entries of a vector. */
  readonly vectorEntries: 4 | 8;
  /** Entries of keys and values of f16 that are read at a time: a row's start is aligned to so many. */
  readonly loadEntries: 4 | 8;
  readonly tileRows: number;
  readonly tileKeys: number;
  /** Invocations side by side over the rows, and over the keys and the width of values. */
  readonly rowLanes: number;
  readonly keyLanes: number;
  readonly rowsEach: number;
  readonly valueVectorsEach: number;
  /** Vectors of the head width that are in `left` and `right` at a time. */
  readonly headSlice: number;
  /** Vectors of keys whose values are in `right` at a time. */
  readonly keySlice: number;
}

/**
 * As `attention_tile`, with products of 16 × 16 blocks by subgroup matrices: f16 entries, f32 sums. A subgroup holds
 * `rowBlocks` blocks of 16 rows; queries and outputs stay in its registers.
 */
export interface AttentionMatrixPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_matrix';
  /**
   * `fixed`: exponentials are relative to the first visible tile's maximum, which is never raised; a row whose sum leaves the range
   * of f16 marks its workgroup. `maximum`: relative to the maximum of the row, which a walk over the keys finds first; works on marked
   * workgroups only.
   */
  readonly reference: 'fixed' | 'maximum';
  readonly subgroups: number;
  readonly rowBlocks: number;
  readonly tileKeys: number;
  /** Precision of sums of products of queries and keys. */
  readonly scores: 'f32' | 'f16';
  /** Entries that are read at a time from keys and values: a row's start is aligned to so many. */
  readonly loadEntries: 4 | 8;
  /**
   * Where a call has few rows, the columns of each are dealt into parts, each to a workgroup that leaves a partial result; `attention_join`
   * joins them. False: never.
   */
  readonly inParts: boolean;
  /** Quads from one row to the next. */
  readonly keyPitch: number;
  readonly valuePitch: number;
  readonly scorePitch: number;
  readonly weightPitch: number;
}

/** One token: a workgroup serves all query heads of one KV head for `chunk` key columns and leaves a partial result. */
export interface AttentionSplitPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_split';
  /** Key columns of a workgroup, one per invocation. */
  readonly chunk: number;
  /** Query heads worked on at a time; their accumulators are in registers. */
  readonly headBlock: number;
}

/** As `attention_split`, for keys of f16 on subgroups of 32: `keyLanes` lanes side by side read a key, 8 entries each. */
export interface AttentionSplitSubgroupsPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_split_subgroups';
  readonly loadEntries: 8;
  /** Powers of two from 4 to 32. */
  readonly keyLanes: number;
  readonly valueLanes: number;
  /** Reads that a lane has in flight. */
  readonly reads: number;
}

/** Joins the partial results of `attention_matrix`, of which it has so many as its grid is deep; one lane for each quad of a row. */
export interface AttentionJoinPlan extends PlanBase {
  readonly stage: 'attention_join';
  readonly qHeads: number;
  readonly valueDim: number;
  readonly sinks: boolean;
}

/** Joins the partial results of `attention_split`. */
export interface AttentionCombinePlan extends PlanBase {
  readonly stage: 'attention_combine';
  readonly qHeads: number;
  readonly valueDim: number;
  readonly prefixColumns: number;
  readonly sinks: boolean;
  /** Rows of hidden tokens become zero. */
  readonly zeroHidden: boolean;
  readonly active?: AttentionOptions['active'];
  readonly deal: ColumnDeal;
  /** Parts that a lane has in flight. */
  readonly reads: number;
}

/**
 * How the key columns of a sequence are dealt to workgroups: in parts of `least` columns, but in no more than `parts` as long as
 * these have at most `most` columns. What lies outside of `reach` last keys is seen by no query, and not counted.
 */
export interface ColumnDeal {
  readonly least: number;
  readonly most: number;
  readonly parts: number;
  readonly reach?: number;
}

/** Scaled similarities of every query and key column, `[B, H, I, columns]`: for options that need all heads or a whole row at once. */
export interface AttentionScoresPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_scores';
}

/** From the mask of active heads, for each KV head: how many of its query heads are active, and these before the others. */
export interface HeadOrderPlan extends PlanBase {
  readonly stage: 'head_order';
  readonly heads: HeadGroup;
}

/** Mixes scores or patterns over heads. `add`: s + W·s. `plain`: W·s. `multiply`: factor · (W·s). */
export interface HeadMixPlan extends PlanBase {
  readonly stage: 'head_mix';
  readonly heads: number;
  readonly prefixColumns: number;
  readonly mode: 'add' | 'plain' | 'multiply';
}

/** Biases, cap, masks and normaliser, row by row of the scores. */
export interface AttentionSoftmaxPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_softmax';
  /** The logits are kept beside the pattern. */
  readonly keepsScores: boolean;
  readonly normalizer:
    | { readonly kind: 'softmax' }
    | { readonly kind: 'sigmoid' }
    | { readonly kind: 'topk'; readonly k: number };
}

/** The pattern times the values. */
export interface AttentionValuesPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_values';
}

/** The largest logit of each of the parts, of `partSize` logits, that the vocabulary has. */
export interface LogitMaximaPlan extends PlanBase {
  readonly stage: 'logit_maxima';
  readonly vocab: number;
  readonly partSize: number;
}

export interface SamplePlan extends PlanBase {
  readonly stage: 'sample';
  readonly vocab: number;
  readonly parts: number;
}
