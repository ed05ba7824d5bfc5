import type {
  AttentionShape,
  LayerShape,
  MlpShape,
  ModelShape,
  RopeScaling,
  ShapedSpec,
} from '../../check/shaped-spec.ts';
import type { Architecture } from '../../import/hf/architecture.ts';

export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [field: string]: ConfigValue | undefined };
export type Config = Readonly<Record<string, ConfigValue>>;

/** A spec with a model, all of whose layers have an MLP. */
export interface ExportedModel {
  readonly model: ModelShape;
  readonly layers: readonly LayerShape[];
  readonly attention: AttentionShape;
  readonly mlp: MlpShape;
}

export function modelOf({ model, layers }: ShapedSpec): ExportedModel | undefined {
  const [first] = layers;
  return model === undefined || first?.mlp === undefined
    ? undefined
    : { model, layers, attention: first.attention, mlp: first.mlp };
}

/** transformers' name of each activation that the option table has. */
const activations: Readonly<Record<string, string>> = {
  silu: 'silu',
  gelu: 'gelu',
  gelu_tanh: 'gelu_pytorch_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  relu2: 'relu2',
  clamped_swiglu: 'silu',
};

/** What every config of a type says, under the type's own names. */
export function commonFields(type: string, architecture: Architecture, exported: ExportedModel, width: number): Config {
  const { model, layers, attention, mlp } = exported;
  const { sizes, norm, mlp: mlpFacts } = architecture;
  const activation = typeof mlp.activation === 'string' ? mlp.activation : mlp.activation.kind;
  const named: readonly (readonly [string | undefined, ConfigValue])[] = [
    [sizes.vocab.names[0], model.vocab],
    [sizes.hidden.names[0], model.hidden],
    [sizes.layers.names[0], layers.length],
    [sizes.heads.names[0], attention.heads.qHeads],
    [sizes.kvHeads?.names[0], attention.heads.kvHeads],
    // Of latent attention the widths have fields of their own, and head_dim means the rotated part.
    [attention.latent === undefined ? sizes.headDim?.names[0] : undefined, attention.headDim],
    [sizes.context.names[0], model.context],
    [sizes.width?.names[0], width],
    [norm.epsField, epsOf(model) ?? norm.eps],
    [mlpFacts.activationFields[0], activations[activation] ?? activation],
  ];
  return {
    model_type: type,
    ...Object.fromEntries(named.flatMap(([name, value]) => (name === undefined ? [] : [[name, value]]))),
    ...ropeFields(architecture, exported),
    ...(model.head.kind === 'hidden' ? {} : { tie_word_embeddings: model.tieEmbeddings }),
    // The token that pads is a tokenizer's; left out, some types take one that a small vocabulary does not have.
    pad_token_id: null,
  };
}

/**
 * What the inner width may be: of a dense layer where there is one. Of experts only, some types have it in the field of the dense ones,
 * and others a field for each.
 */
export function innerWidths({ layers }: ExportedModel): readonly number[] {
  const dense = layers.find(({ mlp }) => mlp !== undefined && mlp.experts === undefined)?.mlp?.width;
  if (dense !== undefined) return [dense];
  const mlp = layers[0]?.mlp;
  return [...new Set([mlp?.width ?? 0, mlp?.experts?.width ?? 0])];
}

function epsOf({ finalNorm, layerNorms }: ModelShape): number | undefined {
  return (finalNorm ?? layerNorms.attention ?? layerNorms.attentionOut)?.eps;
}

function ropeFields({ rope: facts }: Architecture, { layers }: ExportedModel): Config {
  // Where layers turn by different bases, the type has a field of its own for those with a window.
  const wide = layers.find(({ attention }) => attention.rope !== undefined && attention.mask.window === undefined);
  const turning = (wide ?? layers.find(({ attention }) => attention.rope !== undefined))?.attention;
  if (facts === undefined || turning?.rope === undefined) return {};
  const { base, dim, scaling } = turning.rope;
  const { fraction: part, baseField = 'rope_theta' } = typeof facts === 'function' ? {} : facts;
  const fraction = part?.fields[0];
  return {
    [baseField]: base,
    ...(scaling === undefined ? {} : { rope_scaling: scalingFields(scaling, turning) }),
    ...(fraction === undefined ? {} : { [fraction]: fractionOf(dim, turning.headDim) }),
  };
}

/** transformers rounds the product down, which a quotient that was rounded down itself would miss by one. */
function fractionOf(dim: number, headDim: number): number {
  const fraction = dim / headDim;
  return Math.floor(headDim * fraction) === dim ? fraction : (dim + 0.25) / headDim;
}

function scalingFields(scaling: RopeScaling, attention: AttentionShape): ConfigValue {
  switch (scaling.kind) {
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor };
    case 'dynamic':
      return { rope_type: 'dynamic', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalContext,
      };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        ...yarnFactors(scaling.factor, scaling.attentionFactor, attention),
        truncate: scaling.truncate,
        original_max_position_embeddings: scaling.originalContext,
      };
    case 'longrope':
      return {
        rope_type: 'longrope',
        short_factor: scaling.shortFactors,
        long_factor: scaling.longFactors,
        attention_factor: scaling.attentionFactor,
        original_max_position_embeddings: scaling.originalContext,
      };
  }
}

/**
 * With latent attention, YaRN scales the logits too, by the square of 0.1 · mscale_all_dim · ln(factor) + 1; cos and sin by the same of
 * mscale over that.
 */
function yarnFactors(factor: number, attentionFactor: number, { latent, scale, headDim }: AttentionShape): Config {
  const ofLogits = Math.sqrt(scale * Math.sqrt(headDim));
  if (latent === undefined || factor <= 1) return { attention_factor: attentionFactor };
  const mscaleOf = (value: number) => Number(((value - 1) / (0.1 * Math.log(factor))).toPrecision(12));
  return { mscale: mscaleOf(attentionFactor * ofLogits), mscale_all_dim: mscaleOf(ofLogits) };
}
