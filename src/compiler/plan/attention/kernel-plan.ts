import type { HeadGroup, KeyColumns, MaskShape } from '../../check/shaped-spec.ts';
import type { Expression } from '../../expression/tree.ts';
import type { CachePlan, KeyStorage, PlanBase, RowStorage } from '../plan-base.ts';

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
  readonly queries: RowStorage;
  readonly keys: KeyStorage;
  readonly out: RowStorage;
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
  /** Precision of operands, products and their sums over some entries of the width (`sumVectors`) or a tile of values; all other sums are f32. */
  readonly products: 'f32' | 'f16';
  /** With products of f16 workgroups whose sums outgrow their precision are marked; a kernel with products of f32 redoes these. */
  readonly marks?: 'written' | 'read';
  /** Rows that share a mark. */
  readonly markRows: number;
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
  /** Vectors of keys of an invocation: their weights are in `left` one after the other. */
  readonly keyVectors: 1 | 2;
  readonly valueVectorsEach: number;
  /** Vectors of the head width that are in `left` and `right` at a time. */
  readonly headSlice: number;
  /** Vectors of keys whose values are in `right` at a time. */
  readonly keySlice: number;
  /** Keys that masks hide which are given with the call are looked for before the walk: there is memory left for it. */
  readonly looksAhead: boolean;
  /**
   * Vectors from one row to the next in `left`, and of keys in `right`. Neighbouring rows lie in different banks: those of f16 are padded,
   * those of f32 begin at different vectors, which takes no memory.
   */
  readonly leftPitch: number;
  readonly keyPitch: number;
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
  /**
   * Products take queries as f16. Workgroups with others are `left` to the next kernel, or with `small` only those whose logits are so large
   * that it shows; `split`: both parts of a query are multiplied, each an f16.
   */
  readonly rounding: 'ignored' | 'small' | 'left' | 'split';
  /** Rows that share a mark. */
  readonly markRows: number;
  /** Of the workgroups; the last rows see most columns when causal. */
  readonly startsWith: 'first rows' | 'last rows';
  /** Entries that are read at a time from keys and values: a row's start is aligned to so many. */
  readonly loadEntries: 4 | 8;
  /**
   * Where a call has few rows, the columns of each are dealt into parts, each to a workgroup that leaves a partial result; `attention_join`
   * joins them. False: never.
   */
  readonly inParts: boolean;
  /** For calls of few tokens alone. */
  readonly fewRows?: true;
  /** Quads from one row to the next. */
  readonly keyPitch: number;
  readonly valuePitch: number;
  readonly scorePitch: number;
  readonly weightPitch: number;
  /** Lanes begin at different quads of their rows, so that with these pitches neither lanes nor matrices meet in a bank of the memory. */
  readonly turned: boolean;
}

/**
 * Attention on latent rows: one KV head, values are the first entries of keys. A workgroup has `rowBlocks` blocks of 16 heads of one token,
 * too wide for one subgroup: each has the scores of a slice of the head width, which are summed, and a slice of the outputs.
 */
export interface AttentionLatentPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_latent';
  /** `parts`: one token, a partial result of each workgroup's share of columns. `rows`: results of any number of tokens. */
  readonly leaves: 'parts' | 'rows';
  /**
   * Workgroups whose exponentials leave the range of f16 are marked; a second kernel redoes these. Absent: a workgroup redoes itself.
   */
  readonly marks?: 'written' | 'read';
  /** Products take queries as f16. `split`: both parts of a query are multiplied, each an f16. */
  readonly rounding: 'ignored' | 'split';
  readonly subgroups: number;
  readonly headSlices: number;
  readonly rowBlocks: number;
  readonly tileKeys: number;
  readonly loadEntries: 8;
  /** Quads from one row to the next. */
  readonly keyPitch: number;
  readonly scorePitch: number;
  readonly weightPitch: number;
}

/** One token: a workgroup serves all query heads of one KV head for a part of the key columns and leaves a partial result. */
export interface AttentionSplitPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_split';
  /** Key columns of a workgroup, one per invocation. */
  readonly partColumns: number;
  /** Query heads worked on at a time; their accumulators are in registers. */
  readonly headBlock: number;
}

/** As `attention_split`, on subgroups of 32: `keyLanes` lanes side by side read a key, 8 entries each. */
export interface AttentionSplitSubgroupsPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_split_subgroups';
  readonly loadEntries: 8;
  /** Of a key of int8, where it is more than of a value: fewer lanes have a sum to add, and queries and outputs do not need registers at the same time. */
  readonly keyEntries?: 16;
  /** Powers of two from 4 to 32. */
  readonly keyLanes: number;
  readonly valueLanes: number;
  /** Reads of values that a lane has in flight, and of keys. */
  readonly reads: number;
  readonly keyReads: number;
  /** Of a workgroup. A lane makes weights of the scores of every `threads`-th one. */
  readonly columnsAtMost: number;
  /** For calls of few tokens, each by itself. */
  readonly fewTokens?: true;
}

/** Joins the partial results of `attention_matrix`, of which it has so many as its grid is deep; one lane for each quad of a row. */
export interface AttentionJoinPlan extends PlanBase {
  readonly stage: 'attention_join';
  readonly qHeads: number;
  readonly valueDim: number;
  readonly out: RowStorage;
  readonly sinks: boolean;
}

/** Joins the partial results of the kernels for one token or few. */
export interface AttentionCombinePlan extends PlanBase {
  readonly stage: 'attention_combine';
  readonly qHeads: number;
  readonly valueDim: number;
  readonly out: RowStorage;
  readonly prefixColumns: number;
  readonly sinks: boolean;
  /** Rows of hidden tokens become zero. */
  readonly zeroHidden: boolean;
  readonly active?: AttentionOptions['active'];
  readonly deal: ColumnDeal;
  /** Of a head; slices of so many lanes side by side share the parts among them. */
  readonly quadsAtOnce: number;
  /** What slices have is joined within subgroups of 32 first. */
  readonly usesSubgroups: boolean;
  /** Parts that a lane has in flight. */
  readonly reads: number;
}

/**
 * How the key columns of sequences are dealt to workgroups: in parts of `least` columns, but in no more than `parts` for all sequences
 * together, as long as these have at most `most` columns, if that is said. What lies outside of `reach` last keys is seen by no query, and not counted.
 */
export interface ColumnDeal {
  readonly least: number;
  readonly most?: number;
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
