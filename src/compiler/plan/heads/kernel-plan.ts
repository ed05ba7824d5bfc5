import type { HeadNormShape } from '../../check/shaped-spec.ts';
import type { CachePlan, HandedStorage, KeyStorage, MatrixStorage, PlanBase, Storage } from '../plan-base.ts';

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

/** Queries in the space of latent rows, `tokens` of one head in a workgroup; `lanes` invocations side by side have a quad of each. */
export interface LatentQueriesPlan extends PlanBase {
  readonly stage: 'latent_queries';
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly weight: MatrixStorage;
  readonly tokens: number;
  readonly lanes: number;
}

/** As `latent_queries` and `latent_values`, for many tokens and weights of f16, by subgroup matrices: tiles of tokens and columns of one head. */
export interface LatentMatrixPlan extends PlanBase {
  readonly stage: 'latent_matrix';
  readonly product: 'queries' | 'values';
  /** Queries are f32: entries that all heads share are copied. */
  readonly x: HandedStorage;
  readonly y: HandedStorage;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly tileTokens: number;
  readonly tileColumns: number;
  readonly tileDepth: number;
  /** Of 16 × 16 results, in a subgroup. */
  readonly rowBlocks: number;
  readonly columnBlocks: number;
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
  readonly y: HandedStorage;
}

/** As `query_heads`, for rotation alone and heads of whole quads: one of them for each invocation. */
export interface RotateHeadsPlan extends PlanBase {
  readonly stage: 'rotate_heads';
  readonly heads: number;
  readonly headDim: number;
  readonly rotation: RotationPlan;
  readonly y: HandedStorage;
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
  /** Query heads of the same width, with the same norms and rotation, are made by workgroups behind those of the keys. */
  readonly queryHeads?: number;
  readonly y: HandedStorage;
  readonly cache: KeyStorage;
  readonly cacheLayout?: CachePlan;
}

/** As `append`, for heads of whole quads without norms, in caches of floats: one quad of keys and of values for each invocation. */
export interface AppendQuadsPlan extends PlanBase {
  readonly stage: 'append_quads';
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Nothing is written for values. */
  readonly valuesInKeys?: true;
  readonly rotation?: RotationPlan;
  /** Made beside. */
  readonly queryHeads?: number;
  readonly y: HandedStorage;
  readonly cache: Storage;
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
