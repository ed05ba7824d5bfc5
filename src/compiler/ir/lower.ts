import { dim } from '../check/dims.ts';
import type { LayerShape, MlpShape, ModelShape, NormShape, ShapedSpec } from '../check/shaped-spec.ts';
import { lowerAttentionAlone, lowerProjectedAttention } from './lower-attention.ts';
import { sharedSources } from './lower-inputs.ts';
import { B, I, inLayer, L, ModuleBuilder } from './module-builder.ts';
import type { AttnModule } from './nodes.ts';

/** In: a checked spec. Out: the straight list of nodes that computes it, with every tensor declared. Cannot fail. */
export function lower(shaped: ShapedSpec): AttnModule {
  const builder = new ModuleBuilder(shaped);
  if (shaped.model !== undefined) lowerModel(builder, shaped.model, shaped.layers);
  else for (const layer of shaped.layers) lowerAttentionAlone(builder, layer.attention);
  return builder.finish();
}

function lowerModel(builder: ModuleBuilder, model: ModelShape, layers: readonly LayerShape[]): void {
  const stream = [B, I, dim(model.hidden)];
  builder.add({
    op: 'embed',
    hidden: model.hidden,
    ids: builder.declare('ids', 'input', 'u32', [B, I]),
    table: builder.weight('embed.weight'),
    scale: model.embeddingScale,
    ...(model.learnedPositions && {
      positions: { table: builder.weight('positions.weight'), scale: model.learnedPositions.scale },
    }),
    out: builder.declare('x', 'activation', 'f32', stream),
  });
  for (const [index, layer] of layers.entries()) lowerLayer(builder, index, layer, model.hidden);
  lowerNorm(builder, model.finalNorm, 'final_norm', 'x', builder.declare('normed', 'activation', 'f32', stream));
  builder.add({
    op: 'linear',
    x: 'normed',
    inWidth: model.hidden,
    outWidth: model.vocab,
    weight: builder.weight(model.tieEmbeddings ? 'embed.weight' : 'head.weight'),
    accumulate: false,
    logits: true,
    out: builder.declare('logits', 'output', 'f32', [L, dim(model.vocab)]),
  });
}

function lowerLayer(builder: ModuleBuilder, index: number, layer: LayerShape, hidden: number): void {
  const at = `layers.${index}.`;
  const normed = builder.declare('normed', 'activation', 'f32', [B, I, dim(hidden)]);
  if (layer.attentionNorm) lowerNorm(builder, layer.attentionNorm, `${at}attn_norm`, 'x', normed, index);
  const mixes = builder.hasValueResidual();
  const firstValues = mixes ? ({ firstValues: index === 0 ? 'keep' : 'mix' } as const) : {};
  lowerProjectedAttention(builder, layer.attention, {
    at,
    sources: sharedSources(builder, layer.attention, normed),
    out: 'x',
    accumulate: true,
    layer: index,
    ...firstValues,
  });
  if (layer.mlpNorm) lowerNorm(builder, layer.mlpNorm, `${at}mlp_norm`, 'x', normed, index);
  if (layer.mlp) lowerMlp(builder, layer.mlp, `${at}mlp.`, hidden, index);
}

function lowerNorm(b: ModuleBuilder, norm: NormShape, at: string, x: string, out: string, layer?: number): void {
  b.add({
    op: 'norm',
    width: b.widthOf(`${at}.weight`),
    kind: norm.kind,
    eps: norm.eps,
    unitOffset: norm.unitOffset,
    x,
    weight: b.weight(`${at}.weight`),
    ...(norm.bias && { bias: b.weight(`${at}.bias`) }),
    out,
    ...inLayer(layer),
  });
}

function lowerMlp(builder: ModuleBuilder, mlp: MlpShape, at: string, hidden: number, layer: number): void {
  const biasOf = (name: 'up' | 'gate' | 'down') =>
    mlp.biases[name] ? { bias: builder.weight(`${at}${name}.bias`) } : {};
  const between = builder.declare('mlp_hidden', 'activation', 'f32', [B, I, dim(mlp.width)]);
  builder.add({
    op: 'linear',
    x: 'normed',
    inWidth: hidden,
    outWidth: mlp.width,
    weight: builder.weight(`${at}up.weight`),
    ...biasOf('up'),
    ...(mlp.kind === 'gated' && { gate: { weight: builder.weight(`${at}gate.weight`), ...biasOf('gate') } }),
    activation: mlp.activation,
    accumulate: false,
    logits: false,
    out: between,
    layer,
  });
  builder.add({
    op: 'linear',
    x: between,
    inWidth: mlp.width,
    outWidth: hidden,
    weight: builder.weight(`${at}down.weight`),
    ...biasOf('down'),
    accumulate: true,
    logits: false,
    out: 'x',
    layer,
  });
}
