import type { AttentionShape, LayerShape, ShapedSpec, WeightShape } from '../../check/shaped-spec.ts';
import { canRotate } from './attention.ts';

/**
 * What the graph cannot say, in the words of the option table; empty when it can be written. `GroupQueryAttention` is causal, has one
 * width for keys and values, and no columns before the sequence.
 */
export function onnxRefusals({ model, layers, weights }: ShapedSpec): readonly string[] {
  if (model === undefined) return ['attention alone: only whole models are written'];
  const ofModel = [
    ...(model.head.kind === 'hidden' ? ['model.head: an encoder has no logits'] : []),
    ...(model.tokenTypes === undefined ? [] : ['model.token_types']),
    ...(model.positions?.kind === 'sinusoidal' ? ['model.positions: sinusoidal'] : []),
    ...(model.head.kind === 'logits' && model.head.transform !== undefined ? ['model.head.transform'] : []),
  ];
  const ofLayers = layers.flatMap((layer) => [...attentionRefusals(layer.attention), ...mlpRefusals(layer)]);
  return [...new Set([...ofModel, ...ofLayers, ...weights.flatMap(sourceRefusals)])];
}

/** Options that the graph writes, or that only say how a device stores things. What is not here is refused when it is there. */
const written = new Set<string>([
  'inputs',
  'hidden',
  'heads',
  'headDim',
  'valueDim',
  'similarity',
  'scale',
  'clipQkv',
  'qkNorms',
  'rope',
  'columns',
  'mask',
  'sinks',
  'softcap',
  'headMixing',
  'normalizer',
  'gates',
  'biases',
  'cacheDtype',
  'cacheLayout',
]);

function attentionRefusals(attention: AttentionShape): readonly string[] {
  const { heads, headDim, valueDim, similarity, qkNorms, rope, columns, mask, headMixing, normalizer, gates } =
    attention;
  const others = Object.entries(attention).filter(([name, value]) => !written.has(name) && isThere(value));
  const wrong: readonly (readonly [boolean, string])[] = [
    [attention.inputs !== 'hidden', 'attention.inputs'],
    [
      heads.order === 'interleaved' && heads.kvHeads > 1 && heads.queriesPerKv > 1,
      'attention.group_order: interleaved',
    ],
    [headDim !== valueDim, 'attention.value_dim: other than head_dim'],
    [similarity !== 'dot', 'attention.similarity'],
    [qkNorms.length > 1 || qkNorms.some((norm) => !isPlain(norm)), 'attention.qk_norm: of this kind'],
    [rope?.lastHeads !== undefined, 'attention.rope.heads'],
    [(rope?.firstEntry ?? 0) > 0, 'attention.rope: within a head'],
    [rope !== undefined && !canRotate(rope, headDim), 'attention.rope.dim: not a multiple of 16'],
    [columns.zero > 0, 'attention.zero_kv'],
    [columns.memory > 0, 'attention.memory_kv'],
    [!mask.causal, 'attention.mask.causal: false'],
    [mask.chunk !== undefined, 'attention.mask.chunk'],
    [mask.prefix !== undefined, 'attention.mask.prefix'],
    [mask.documents, 'attention.mask.documents'],
    [mask.where !== undefined, 'attention.mask.where'],
    [mask.padding !== 'none', 'attention.mask.padding'],
    [headMixing.pre || headMixing.post || headMixing.preScalePost, 'attention.head_mixing'],
    [normalizer.kind !== 'softmax', 'attention.normalizer'],
    [gates.headScale || gates.head || gates.value !== 'none' || gates.outputGlu, 'attention.gates'],
  ];
  return [...others.map(([name]) => `attention: ${name}`), ...wrong.filter(([is]) => is).map(([, text]) => text)];
}

/** An empty list says that there is none. */
const isThere = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

const isPlain = (norm: AttentionShape['qkNorms'][number]): boolean =>
  norm.kind === 'rms' &&
  norm.groups === 1 &&
  norm.q &&
  norm.k &&
  (norm.weight === 'shared' || norm.weight === 'projection');

function mlpRefusals({ mlp }: LayerShape): readonly string[] {
  return [
    ...(mlp?.experts === undefined ? [] : ['mlp.experts']),
    ...(mlp === undefined || typeof mlp.activation === 'string' ? [] : ['mlp.activation: clamped_swiglu']),
  ];
}

function sourceRefusals({ name, source }: WeightShape): readonly string[] {
  return source.blocks === undefined && source.stack === undefined
    ? []
    : [`weights.names: ${name} in pieces of a tensor`];
}
