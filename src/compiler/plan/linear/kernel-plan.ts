import type { ExpertGroups, ExpertsShape } from '../../check/shaped-spec.ts';
import type { NodeActivation } from '../../ir/nodes.ts';
import type { RotationPlan } from '../heads/kernel-plan.ts';
import type { CachePlan, HandedStorage, MatrixStorage, NormWeight, PlanBase } from '../plan-base.ts';

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
  readonly x: HandedStorage;
  readonly y: HandedStorage;
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
  /** Neighbouring outputs that a lane sums at once: what it reads of x serves them all. */
  readonly columns: 1 | 2;
  /** Quads of a row of weights that a load brings: 16 bytes are two quads of 16-bit entries, four of int8, eight of int4. */
  readonly blockQuads: 1 | 2 | 4 | 8;
  /** x is in workgroup memory, normalised: a quad more than needed behind each block lets lanes read from different banks. */
  readonly sharesX: boolean;
  /** Loads that a lane has in flight. */
  readonly reads: number;
  /** How the lanes' sums are added; subgroups are of 32. */
  readonly fold: 'subgroups' | 'workgroup';
  /** x is normalised on the way: the factor is known after the last entry, and scales the sums. */
  readonly norm?: RowNormPlan;
  /** Products of the same x that are made by workgroups behind those of this one. */
  readonly also: readonly JoinedProduct[];
  /** Queries, keys and values among the products are rotated and stored where they belong. */
  readonly heads?: ProductHeadsPlan;
}

export interface ProductHeadsPlan {
  /** Of each product in turn what it makes; rows are stored as they are. */
  readonly makes: readonly ('rows' | 'queries' | 'keys' | 'values')[];
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Of queries and keys, all heads from the first entry on. */
  readonly rotation?: RotationPlan;
  readonly cache: HandedStorage;
  readonly cacheLayout?: CachePlan;
}

/** A product that differs from another one in its columns only. */
export interface JoinedProduct {
  readonly outWidth: number;
  readonly weight: MatrixStorage;
  readonly bias: boolean;
}

/** An rms norm without bias. */
export interface RowNormPlan {
  readonly eps: number;
  readonly weight: NormWeight;
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
