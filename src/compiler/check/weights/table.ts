import type { OptionPath } from '../bind.ts';
import type { AttentionShape, HeadNormShape, MlpShape, ModelShape, NormShape, QkNormShape } from '../shaped-spec.ts';
import { latentWeights } from './latent.ts';
import { mlpWeights } from './mlp.ts';
import {
  keptMatrix,
  matrix,
  parameterWeight,
  perHead,
  tokenTable,
  vector,
  type WeightTemplate,
  weight,
} from './template.ts';

export interface ModuleParts {
  readonly model?: ModelShape;
  readonly attention: AttentionShape;
  readonly mlp?: MlpShape;
}

/** Canonical names and shapes in the order in which the forward pass first reads them. See WeightShape. */
export function weightTemplates({ model, attention, mlp }: ModuleParts): readonly WeightTemplate[] {
  if (model === undefined) return attentionWeights(attention, '', 'attention.hidden');
  const { hidden, layerNorms, finalNorm } = model;
  const ofLayer = attentionWeights(attention, 'layers.{i}.', 'model.hidden');
  const norm = (name: string, shape: NormShape | undefined) => normWeights(`layers.{i}.${name}`, shape, hidden);
  return [
    ...embeddingWeights(model),
    ...norm('attn_norm', layerNorms.attention),
    ...ofLayer,
    ...norm('attn_out_norm', layerNorms.attentionOut),
    ...norm('mlp_norm', layerNorms.mlp),
    ...(mlp === undefined ? [] : mlpWeights(mlp, hidden)),
    ...norm('mlp_out_norm', layerNorms.mlpOut),
    ...normWeights('final_norm', finalNorm, hidden),
    ...headWeights(model),
  ];
}

const widthOption = ({ embeddingWidth }: ModelShape): OptionPath =>
  embeddingWidth === undefined ? 'model.hidden' : 'model.embedding_width';

function embeddingWeights(model: ModelShape): readonly WeightTemplate[] {
  const { vocab, hidden, context, embeddingWidth, positions, tokenTypes, embeddingNorm } = model;
  const table = (name: string, rows: number, option: OptionPath) =>
    keptMatrix(name, [rows, hidden], [option, 'model.hidden']);
  return [
    tokenTable([vocab, embeddingWidth ?? hidden], ['model.vocab', widthOption(model)]),
    ...(positions?.kind === 'learned' ? [table('positions.weight', context + positions.offset, 'model.context')] : []),
    ...(tokenTypes === undefined ? [] : [table('token_types.weight', tokenTypes, 'model.token_types')]),
    ...(embeddingWidth === undefined
      ? []
      : [matrix('embed_in.weight', [hidden, embeddingWidth], ['model.hidden', 'model.embedding_width'])]),
    ...normWeights('embed_norm', embeddingNorm, hidden),
  ];
}

function headWeights(model: ModelShape): readonly WeightTemplate[] {
  const { vocab, hidden, embeddingWidth, tieEmbeddings, head } = model;
  if (head.kind === 'hidden') return [];
  const width = embeddingWidth ?? hidden;
  const option = widthOption(model);
  const projection = (name: string) => matrix(name, [width, hidden], [option, 'model.hidden']);
  const transform = head.transform && [
    projection('head_transform.weight'),
    vector('head_transform.bias', width, option),
    ...normWeights('head_norm', head.transform.norm, width, option),
  ];
  return [
    ...(transform ?? (embeddingWidth === undefined ? [] : [projection('embed_out.weight')])),
    ...(tieEmbeddings ? [] : [matrix('head.weight', [vocab, width], ['model.vocab', option])]),
    ...(head.bias ? [vector('head.bias', vocab, 'model.vocab')] : []),
  ];
}

function attentionWeights(
  attention: AttentionShape,
  prefix: string,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const at = (name: string) => `${prefix}attn.${name}`;
  const { hidden } = attention;
  return [
    ...(attention.latent === undefined ? [] : latentWeights(attention, attention.latent, at, hiddenOption)),
    ...(hidden === undefined || attention.latent !== undefined
      ? []
      : projectionWeights(attention, hidden, at, hiddenOption)),
    ...headNormWeights(attention, at),
    ...memoryWeights(attention, at),
    ...logitWeights(attention, at),
    ...gateWeights(attention, at, hiddenOption),
    ...(hidden === undefined ? [] : outputWeights(attention, hidden, at, hiddenOption)),
  ];
}

type Naming = (name: string) => string;

const qBlame: OptionPath = 'attention.q_heads';
const kvBlame: OptionPath = 'attention.kv_heads';

function projectionWeights(
  { heads, headDim, valueDim, cross, biases, valueResidual }: AttentionShape,
  hidden: number,
  at: Naming,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const rows = { q: heads.qHeads * headDim, k: heads.kvHeads * headDim, v: heads.kvHeads * valueDim };
  const ofContext: readonly [number, OptionPath] =
    cross === undefined ? [hidden, hiddenOption] : [cross.width, 'attention.cross.width'];
  const templates: WeightTemplate[] = [];
  for (const name of ['q', 'k', 'v'] as const) {
    const blame = name === 'q' ? qBlame : kvBlame;
    const [width, widthOption] = name === 'q' ? [hidden, hiddenOption] : ofContext;
    templates.push(matrix(at(`${name}.weight`), [rows[name], width], [blame, widthOption]));
    if (biases[name]) templates.push(vector(at(`${name}.bias`), rows[name], blame));
  }
  if (valueResidual?.mix !== 'learned') return templates;
  const mixer = keptMatrix(at('value_residual.weight'), [heads.kvHeads, hidden], [kvBlame, hiddenOption]);
  for (const one of [mixer, vector(at('value_residual.bias'), heads.kvHeads, kvBlame)])
    templates.push(Object.freeze({ ...one, firstLayer: 1 }));
  return templates;
}

function headNormWeights(
  { heads, headDim, valueDim, qkNorms, valueNorm }: AttentionShape,
  at: Naming,
): readonly WeightTemplate[] {
  const ofHeads = (name: string, norm: HeadNormShape | QkNormShape, headCount: number, width: number) => {
    if (norm.weight === 'none') return [];
    const blame: OptionPath = name === 'v_norm' ? 'attention.value_dim' : 'attention.head_dim';
    const heads = name.startsWith('q') ? qBlame : kvBlame;
    return (norm.bias ? ['weight', 'bias'] : ['weight']).map((part) => {
      if (norm.weight === 'projection') return vector(at(`${name}.${part}`), headCount * width, heads);
      if (norm.weight === 'shared') return vector(at(`${name}.${part}`), width, blame);
      return perHead(at(`${name}.${part}`), [headCount, width], [heads, blame]);
    });
  };
  const suffix = (index: number) => (index === 0 ? '' : String(index + 1));
  return [
    ...qkNorms.flatMap((norm, i) => (norm.q ? ofHeads(`q_norm${suffix(i)}`, norm, heads.qHeads, headDim) : [])),
    ...qkNorms.flatMap((norm, i) => (norm.k ? ofHeads(`k_norm${suffix(i)}`, norm, heads.kvHeads, headDim) : [])),
    ...(valueNorm === undefined ? [] : ofHeads('v_norm', valueNorm, heads.kvHeads, valueDim)),
  ];
}

function memoryWeights({ heads, headDim, valueDim, columns }: AttentionShape, at: Naming): readonly WeightTemplate[] {
  if (columns.memory === 0) return [];
  const blame = (width: OptionPath): OptionPath[] => [kvBlame, 'attention.memory_kv.slots', width];
  const shape = (width: number) => [heads.kvHeads, columns.memory, width];
  return [
    weight(at('memory_k'), shape(headDim), 'memory', blame('attention.head_dim')),
    weight(at('memory_v'), shape(valueDim), 'memory', blame('attention.value_dim')),
  ];
}

/** What the logits and probabilities of a row are made with, in order. */
function logitWeights(
  { heads, headMixing, biasPosition, sinks, parameters }: AttentionShape,
  at: Naming,
): readonly WeightTemplate[] {
  const { qHeads } = heads;
  const mixing = (name: string) => perHead(at(`${name}.weight`), [qHeads, qHeads], [qBlame, qBlame]);
  const t5: OptionPath[] = ['attention.t5_bias.buckets', qBlame];
  return [
    ...(headMixing.pre ? [mixing('mix_pre')] : []),
    ...(biasPosition?.kind === 't5' ? [weight(at('t5.weight'), [biasPosition.buckets, qHeads], 'vector', t5)] : []),
    ...parameters
      .filter(({ runtime }) => !runtime)
      .map(({ name, shape }) => parameterWeight(at(`parameters.${name}`), shape)),
    ...(sinks ? [perHead(at('sinks'), [qHeads], [qBlame])] : []),
    ...(headMixing.post ? [mixing('mix_post')] : []),
    ...(headMixing.preScalePost ? [mixing('mix_pre_scale_post')] : []),
  ];
}

function gateWeights(
  { heads, valueDim, gates, hidden = 0 }: AttentionShape,
  at: Naming,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const { qHeads } = heads;
  const blame: OptionPath[] = [qBlame, hiddenOption];
  return [
    ...(gates.headScale ? [perHead(at('head_scale'), [qHeads], [qBlame])] : []),
    ...(gates.head
      ? [keptMatrix(at('head_gate.weight'), [qHeads, hidden], blame), vector(at('head_gate.bias'), qHeads, qBlame)]
      : []),
    ...(gates.value === 'none' ? [] : [matrix(at('value_gate.weight'), [qHeads * valueDim, hidden], blame)]),
  ];
}

function outputWeights(
  { heads, valueDim, biases, gates, outHidden }: AttentionShape,
  hidden: number,
  at: Naming,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const width = outHidden ?? hidden;
  const outOption = outHidden === undefined ? hiddenOption : 'attention.out_hidden';
  return (gates.outputGlu ? ['o', 'o_gate'] : ['o']).flatMap((name) => [
    matrix(at(`${name}.weight`), [width, heads.qHeads * valueDim], [outOption, qBlame]),
    ...(biases.o ? [vector(at(`${name}.bias`), width, outOption)] : []),
  ]);
}

function normWeights(
  name: string,
  norm: NormShape | undefined,
  width: number,
  option: OptionPath = 'model.hidden',
): readonly WeightTemplate[] {
  return [
    ...(norm?.weight ? [vector(`${name}.weight`, width, option)] : []),
    ...(norm?.bias ? [vector(`${name}.bias`, width, option)] : []),
  ];
}
