import type { DraftValue } from '../draft.ts';
import type { FieldReader, FieldTable } from '../fields.ts';
import type { NamedWeights, TensorNames } from './weight-sources.ts';

/** A fact of an architecture: always the same, or read from the config. */
export type Fact<T> = T | ((config: ModelConfig) => T);

/** A part of a spec; entries that are undefined are left out. */
export type Part = Readonly<Record<string, DraftValue | undefined>>;

/**
 * What the modelling code of one `model_type` does and its config does not say, and how its config spells the rest. Facts are
 * about inference.
 */
export interface Architecture {
  readonly sizes: SizeFields;
  /** What an absent `tie_word_embeddings` means. */
  readonly tied: boolean;
  readonly norm: NormFacts;
  readonly mlp: MlpFacts;
  /** Absent: no rotary positions. */
  readonly rope?: Fact<RopeFacts | undefined>;
  /** `model` beyond sizes and norm: `block`, `positions`, factors, head. */
  readonly model?: Fact<Part>;
  /** `attention` beyond heads, RoPE and mask. */
  readonly attention?: Fact<Part>;
  /** Number of KV heads where no field has it; undefined when the field of `sizes` does. */
  readonly kvHeads?: (fields: FieldReader, heads: number) => number | undefined;
  /** Width of a head where no field has it, or a field by that name has something else. */
  readonly headDim?: (fields: FieldReader) => number;
  /** How layers differ, one entry a layer; absent: they are alike, without a window. */
  readonly layers?: (config: ModelConfig) => readonly LayerFacts[];
  /** Attention sees keys of both directions. */
  readonly bidirectional?: true;
  readonly weights: WeightFacts;
  /** What the modelling code does without a field to say so: remarks by path in the spec. */
  readonly conventions: Readonly<Record<string, string>>;
  readonly fields?: Partial<FieldTable>;
}

/** A size: what it is when the config leaves it out, and its names in the config. */
export interface SizeField {
  readonly names: readonly string[];
  readonly fallback: number | undefined;
}

export interface SizeFields {
  readonly vocab: SizeField;
  readonly hidden: SizeField;
  readonly layers: SizeField;
  readonly heads: SizeField;
  /** Absent or null: as many as query heads. */
  readonly kvHeads?: SizeField;
  /** Absent or null: hidden / heads. */
  readonly headDim?: SizeField;
  readonly context: SizeField;
  /** Inner width of the MLP. Absent or null: four times hidden. */
  readonly width?: SizeField;
}

export interface Sizes {
  readonly vocab: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly context: number;
  readonly width: number;
}

/** The fields of a config, and its sizes, which are read first. */
export interface ModelConfig extends FieldReader {
  readonly sizes: Sizes;
  /** The head uses the token embedding. */
  readonly tied: boolean;
  /** Of the checkpoint beside the config. */
  readonly tensors: TensorNames;
  /** The fields of an object inside; none when it is left out. */
  nested(key: string): FieldReader;
}

export interface NormFacts {
  readonly kind: 'rms' | 'layer';
  /** Field of eps; absent: it is always `eps`. */
  readonly epsField?: string;
  readonly eps: number;
  readonly unitOffset?: true;
  readonly bias?: boolean;
  /** false: no learned weight. */
  readonly weight?: Fact<boolean>;
}

export interface MlpFacts {
  readonly kind: 'gated' | 'plain';
  /** Fields of the activation, the first that is there counts; none: it is always `activation`. */
  readonly activationFields: readonly string[];
  /** In transformers' words. */
  readonly activation: string;
  readonly biases?: Fact<readonly string[]>;
  /** What layers with `LayerFacts.experts` have: entries beside or in place of those of other layers. */
  readonly experts?: Fact<Part>;
}

export interface RopeFacts {
  readonly pairing: 'half' | 'interleaved';
  /** When the config leaves it out. */
  readonly base: number;
  /** Field of the base beside the rotary parameters; absent: `rope_theta`. */
  readonly baseField?: string;
  /** Of sliding layers, when rotary parameters are not given for each type of layer. */
  readonly localBase?: { readonly field: string; readonly base: number };
  /** Rotated part of a head: the fields that say so, and what they are when left out. */
  readonly fraction?: { readonly fields: readonly string[]; readonly fallback: number };
  /** Of scaled frequencies, what `original_max_position_embeddings` is when left out; absent: that of the scaling, or the context. */
  readonly originalContext?: number;
  /** Rotated width where it is not a part of a head's; `latent` where `attention.mla` says it. */
  readonly dim?: number | 'latent';
}

export interface LayerFacts {
  /** As in `layer_types`: rotary parameters may be keyed by it. */
  readonly type: LayerType;
  readonly window?: number;
  /** The layer has no rotary positions. */
  readonly ropeless?: boolean;
  readonly experts?: boolean;
  /** What this layer's attention has beyond the others. */
  readonly attention?: Part;
}

export type LayerType = 'full_attention' | 'sliding_attention';

export interface WeightFacts {
  /** Prefix of every name but those of the head, as checkpoints are published. */
  readonly prefix: string;
  /** Module of the token embedding, without the prefix: where it lies tells the prefix of a checkpoint. */
  readonly embedding: string;
  /** Module of the head; of several names, the first that a checkpoint has. */
  readonly head: readonly string[];
  /** Tensors of the canonical weights, without the prefix. Names of weights that the model turns out not to have do no harm. */
  readonly names: (config: ModelConfig, tensors: TensorNames) => NamedWeights;
  /** Tensors of the head beyond its weight, named in full. */
  readonly headNames?: (tensors: TensorNames) => NamedWeights;
}

export function resolve<T extends object | string | number | boolean | undefined>(
  fact: Fact<T>,
  config: ModelConfig,
): T {
  return typeof fact === 'function' ? fact(config) : fact;
}

export function size(fallback: number | undefined, ...names: readonly string[]): SizeField {
  return { names, fallback };
}
