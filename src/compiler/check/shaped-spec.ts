import type { Span } from '../source/source.ts';
import type { AttentionShape } from './shapes/attention.ts';
import type { MlpShape } from './shapes/mlp.ts';
import type { ModelShape } from './shapes/model.ts';
import type { WeightShape } from './shapes/weight.ts';

export type * from './shapes/attention.ts';
export type * from './shapes/cache.ts';
export type * from './shapes/heads.ts';
export type * from './shapes/mask.ts';
export type * from './shapes/mlp.ts';
export type * from './shapes/model.ts';
export type * from './shapes/positions.ts';
export type * from './shapes/weight.ts';

/**
 * What `inferShapes` hands to `lower`: every option resolved, every dimension known, every rule passed.
 * Axes: H query heads, K KV heads, G = H / K, D key width, Dv value width, M memory slots.
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

export interface LayerShape {
  readonly attention: AttentionShape;
  /** Present exactly when the spec has a model. */
  readonly mlp?: MlpShape;
}
