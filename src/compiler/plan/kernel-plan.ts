import type { Activation, HeadGroup, KeyColumns } from '../check/shaped-spec.ts';

/**
 * A kernel plan fixes everything that a kernel's text depends on: shapes, options, storage formats, tile sizes. Equal plans
 * give equal text, so layers of one shape share one kernel. `emit-wgsl` prints a plan; it decides nothing.
 */
export type KernelPlan =
  | EmbedPlan
  | NormPlan
  | LinearTilePlan
  | LinearRowPlan
  | QueryHeadsPlan
  | AppendPlan
  | AttentionTilePlan
  | AttentionSplitPlan
  | AttentionCombinePlan
  | SamplePlan;

/** Every plan says how many invocations a workgroup has and what workgroup memory they share. */
interface PlanBase {
  readonly threads: number;
  readonly workgroup: readonly WorkgroupArray[];
}

export interface WorkgroupArray {
  readonly name: string;
  readonly element: 'f32' | 'vec4f';
  readonly length: number;
}

export type Stage = KernelPlan['stage'];

/** How four neighbouring elements lie in a buffer. `packed`: two 16-bit values in each u32, for devices without shader-f16. */
export type Storage = 'f32' | 'f16' | 'f16-packed' | 'bf16-packed';

export interface EmbedPlan extends PlanBase {
  readonly stage: 'embed';
  readonly hidden: number;
  readonly table: Storage;
  readonly scale: number;
  readonly positions?: { readonly table: Storage; readonly scale: number };
}

export interface NormPlan extends PlanBase {
  readonly stage: 'norm';
  readonly kind: 'rms' | 'layer';
  readonly width: number;
  readonly eps: number;
  readonly unitOffset: boolean;
  readonly bias: boolean;
}

interface LinearOptions extends PlanBase {
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: Storage;
  readonly bias: boolean;
  readonly gate: 'none' | 'plain' | 'biased';
  readonly activation: Activation | 'none';
  /** Adds to the output instead of writing it: the residual stream. */
  readonly accumulate: boolean;
  /** `logits`: reads only the rows whose logits are asked for. */
  readonly rows: 'all' | 'logits';
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

/** One row: each of `outputs` results of a workgroup is summed by `lanes` invocations, so weights are read once, in order. */
export interface LinearRowPlan extends LinearOptions {
  readonly stage: 'linear_row';
  readonly lanes: number;
  readonly outputs: number;
}

export interface HeadNormPlan {
  readonly kind: 'rms' | 'l2';
  readonly eps: number;
  readonly groups: number;
  readonly weighted: boolean;
  readonly unitOffset: boolean;
}

export interface RotationPlan {
  readonly dim: number;
  readonly pairing: 'half' | 'interleaved';
}

/** Norm and rotation of query heads, and the norm of memory keys (which have no position). */
export interface QueryHeadsPlan extends PlanBase {
  readonly stage: 'query_heads';
  readonly heads: number;
  readonly headDim: number;
  readonly norm?: HeadNormPlan;
  readonly rotation?: RotationPlan;
}

export interface AppendPlan extends PlanBase {
  readonly stage: 'append';
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly norm?: HeadNormPlan;
  readonly rotation?: RotationPlan;
  readonly cache: Storage;
}

/** What every form of the attention kernel has to agree on. */
export interface AttentionOptions {
  readonly heads: HeadGroup;
  readonly headDim: number;
  readonly valueDim: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly columns: KeyColumns;
  readonly keys: Storage;
  /** `heads-first`: `[B, K, C, D]` with rows padded to four entries. `tokens-first`: `[B, J, K, D]` without padding. */
  readonly keyLayout: 'heads-first' | 'tokens-first';
}

/** Rows are (token, query head of one KV head); a workgroup holds `tileRows` of them and walks over tiles of `tileKeys` key columns. */
export interface AttentionTilePlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_tile';
  readonly tileRows: number;
  readonly tileKeys: number;
  /** Invocations side by side over the keys of a tile, four keys each. */
  readonly keyLanes: number;
  /** Invocations side by side over its rows, `rowsEach` rows each. */
  readonly rowLanes: number;
  readonly rowsEach: number;
  readonly valueQuadsEach: number;
  /** Quads from one key of the tile to the next: one more than needed, so that neighbouring keys lie in different banks. */
  readonly tilePitch: number;
}

/** One token: a workgroup serves all query heads of one KV head for `chunk` key columns and leaves a partial result. */
export interface AttentionSplitPlan extends AttentionOptions, PlanBase {
  readonly stage: 'attention_split';
  /** Key columns of a workgroup, one per invocation. */
  readonly chunk: number;
  /** Query heads worked on at a time; their accumulators are in registers. */
  readonly headBlock: number;
}

/** Joins the partial results of `attention_split`. */
export interface AttentionCombinePlan extends PlanBase {
  readonly stage: 'attention_combine';
  readonly qHeads: number;
  readonly valueDim: number;
  readonly prefixColumns: number;
  /** As in the `attention_split` that it follows. */
  readonly chunk: number;
}

export interface SamplePlan extends PlanBase {
  readonly stage: 'sample';
  readonly vocab: number;
}
