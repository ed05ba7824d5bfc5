import type { AttentionShape, LayerShape, ShapedSpec, WeightShape } from '../../check/shaped-spec.ts';
import { canRotate } from './attention.ts';

/** An option that the graph cannot say; `detail`: which of its values. */
export interface OnnxRefusal {
  readonly option: string;
  readonly detail?: string;
  /** The first layer that has it. */
  readonly layer?: number;
}

/**
 * What the graph cannot say; empty when it can be written, or when there is no model. `GroupQueryAttention` is causal, has one width for
 * keys and values, and no columns before the sequence.
 */
export function onnxRefusals({ model, layers, weights }: ShapedSpec): readonly OnnxRefusal[] {
  if (model === undefined) return [];
  const { head, positions } = model;
  const ofModel = chosen([
    [head.kind === 'hidden', 'model.head', 'of an encoder, which has no logits,'],
    [model.tokenTypes !== undefined, 'model.token_types'],
    [positions?.kind === 'sinusoidal', 'model.positions', 'by sines'],
    [head.kind === 'logits' && head.transform !== undefined, 'model.head.transform'],
  ]);
  const ofLayers = layers.flatMap((one, layer) =>
    [...attentionRefusals(one.attention), ...mlpRefusals(one)].map((refusal) => ({ ...refusal, layer })),
  );
  const all = [...ofModel, ...ofLayers, ...weights.flatMap(sourceRefusals)];
  return all.filter((one, index) => all.findIndex((other) => isAlike(one, other)) === index);
}

const isAlike = (a: OnnxRefusal, b: OnnxRefusal) => a.option === b.option && a.detail === b.detail;

type Condition = readonly [is: boolean, option: string, detail?: string];

const chosen = (conditions: readonly Condition[]): readonly OnnxRefusal[] =>
  conditions.flatMap(([is, option, detail]) => (is ? [{ option, ...(detail && { detail }) }] : []));

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
  'biasPosition',
  'columns',
  'mask',
  'sinks',
  'softcap',
  'headMixing',
  'normalizer',
  'gates',
  'biases',
  'cacheDtype',
  'cacheRanges',
  'classes',
  'cacheLayout',
  'compute',
  'activations',
]);

function attentionRefusals(attention: AttentionShape): readonly OnnxRefusal[] {
  const { heads, headDim, valueDim, similarity, qkNorms, rope, biasPosition, columns, mask, normalizer } = attention;
  const { headMixing, gates } = attention;
  const others = Object.entries(attention).filter(([name, value]) => !written.has(name) && isThere(value));
  const conditions: readonly Condition[] = [
    [attention.inputs !== 'hidden', 'attention.inputs'],
    [
      heads.order === 'interleaved' && heads.kvHeads > 1 && heads.queriesPerKv > 1,
      'attention.group_order',
      'interleaved',
    ],
    [headDim !== valueDim, 'attention.value_dim', 'other than head_dim'],
    [similarity !== 'dot', 'attention.similarity'],
    [qkNorms.length > 1 || qkNorms.some((norm) => !isPlain(norm)), 'attention.qk_norm', 'of this kind'],
    [rope?.lastHeads !== undefined, 'attention.rope.heads'],
    [(rope?.firstEntry ?? 0) > 0, 'attention.rope', 'within a head'],
    [rope !== undefined && !canRotate(rope, headDim), 'attention.rope.dim', 'that is not a multiple of 16'],
    [biasPosition?.kind === 'alibi', 'attention.alibi'],
    [biasPosition?.kind === 't5', 'attention.t5_bias'],
    [columns.zero > 0, 'attention.zero_kv'],
    [columns.memory > 0, 'attention.memory_kv'],
    [!mask.causal, 'attention.mask.causal', 'that is false'],
    [mask.chunk !== undefined, 'attention.mask.chunk'],
    [mask.prefix !== undefined, 'attention.mask.prefix'],
    [mask.documents, 'attention.mask.documents'],
    [mask.where !== undefined, 'attention.mask.where'],
    [mask.padding !== 'none', 'attention.mask.padding'],
    [headMixing.pre || headMixing.post || headMixing.preScalePost, 'attention.head_mixing'],
    [normalizer.kind !== 'softmax', 'attention.normalizer'],
    [gates.headScale || gates.head || gates.value !== 'none' || gates.outputGlu, 'attention.gates'],
  ];
  return [...others.map(([name]) => ({ option: `attention.${optionOf(name)}` })), ...chosen(conditions)];
}

/** The option that a property of `AttentionShape` comes from. */
function optionOf(property: string): string {
  const renamed: Readonly<Record<string, string>> = { latent: 'mla', activeHeads: 'heads.active', biasTensor: 'bias' };
  return renamed[property] ?? property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** An empty list says that there is none. */
const isThere = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

const isPlain = (norm: AttentionShape['qkNorms'][number]): boolean =>
  norm.kind === 'rms' &&
  norm.groups === 1 &&
  norm.q &&
  norm.k &&
  (norm.weight === 'shared' || norm.weight === 'projection');

function mlpRefusals({ mlp }: LayerShape): readonly OnnxRefusal[] {
  return chosen([
    [mlp?.experts !== undefined, 'mlp.experts'],
    [mlp !== undefined && typeof mlp.activation !== 'string', 'mlp.activation', 'clamped_swiglu'],
  ]);
}

function sourceRefusals({ name, source }: WeightShape): readonly OnnxRefusal[] {
  return chosen([
    [
      source.blocks !== undefined || source.stack !== undefined,
      'weights.names',
      `of \`${name}\` in pieces of a tensor`,
    ],
  ]);
}
