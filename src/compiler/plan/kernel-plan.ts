import type {
  AttentionCombinePlan,
  AttentionJoinPlan,
  AttentionLatentPlan,
  AttentionMatrixPlan,
  AttentionScoresPlan,
  AttentionSoftmaxPlan,
  AttentionSplitPlan,
  AttentionSplitSubgroupsPlan,
  AttentionTilePlan,
  AttentionValuesPlan,
  HeadMixPlan,
  HeadOrderPlan,
} from './attention/kernel-plan.ts';
import type {
  AppendPlan,
  AppendQuadsPlan,
  GateHeadsPlan,
  HeadInputsPlan,
  HeadResultsPlan,
  LatentHeadsPlan,
  LatentMatrixPlan,
  LatentQueriesPlan,
  LatentValuesPlan,
  MemoryKeysPlan,
  MixValuesPlan,
  QueryHeadsPlan,
  RotateHeadsPlan,
} from './heads/kernel-plan.ts';
import type {
  ExpertsDownPlan,
  ExpertsUpPlan,
  LinearMatrixPlan,
  LinearRowPlan,
  LinearTilePlan,
  RoutePlan,
} from './linear/kernel-plan.ts';
import type { HandedStorage, MatrixStorage, NormWeight, PlanBase, Storage } from './plan-base.ts';

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
  | LatentMatrixPlan
  | LatentValuesPlan
  | QueryHeadsPlan
  | RotateHeadsPlan
  | MemoryKeysPlan
  | AppendPlan
  | AppendQuadsPlan
  | MixValuesPlan
  | GateHeadsPlan
  | HeadInputsPlan
  | HeadResultsPlan
  | AttentionTilePlan
  | AttentionMatrixPlan
  | AttentionSplitPlan
  | AttentionLatentPlan
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

export type Stage = KernelPlan['stage'];

export interface EmbedPlan extends PlanBase {
  readonly stage: 'embed';
  readonly width: number;
  readonly tokens?: { readonly table: MatrixStorage; readonly scale: number };
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
  readonly weight: NormWeight;
  readonly bias: boolean;
  /** Adds to the output instead of writing it. */
  readonly accumulate: boolean;
  readonly y: HandedStorage;
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
