import type { Dim } from '../check/dims.ts';
import type { CacheLayout, WeightShape } from '../check/shaped-spec.ts';
import type { AttentionNode } from './nodes/attention.ts';
import type {
  AppendNode,
  GateHeadsNode,
  HeadInputsNode,
  HeadResultsNode,
  MemoryKeysNode,
  MixValuesNode,
  QueryHeadsNode,
} from './nodes/heads.ts';
import type { LatentHeadsNode, LatentQueriesNode, LatentValuesNode } from './nodes/latent.ts';
import type { ExpertsDownNode, ExpertsUpNode, LinearNode, RouteNode } from './nodes/products.ts';
import type { EmbedNode, NormNode } from './nodes/rows.ts';

export type * from './nodes/attention.ts';
export type * from './nodes/heads.ts';
export type * from './nodes/latent.ts';
export type * from './nodes/products.ts';
export type * from './nodes/rows.ts';

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
