import type { OptionPath } from './bind.ts';
import type { AttentionShape, MlpShape, ModelShape, NormShape, WeightShape } from './shaped-spec.ts';

/** A weight of the module, once for all layers: `{i}` in its name is the layer. */
export interface WeightTemplate {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: WeightShape['role'];
  /** For each axis, the option that its extent is most directly set by. */
  readonly blame: readonly OptionPath[];
}

export interface ModuleParts {
  readonly model?: ModelShape;
  readonly attention: AttentionShape;
  readonly mlp?: MlpShape;
}

/** Canonical names and shapes in the order in which the forward pass first reads them. See WeightShape. */
export function weightTemplates({ model, attention, mlp }: ModuleParts): readonly WeightTemplate[] {
  if (model === undefined) return attentionWeights(attention, '', 'attention.hidden');
  const { vocab, hidden, context } = model;
  const embedding: OptionPath[] = ['model.vocab', 'model.hidden'];
  const learned = matrix('positions.weight', [context, hidden], ['model.context', 'model.hidden']);
  return [
    matrix('embed.weight', [vocab, hidden], embedding),
    ...(model.learnedPositions === undefined ? [] : [learned]),
    ...normWeights('layers.{i}.attn_norm', model.finalNorm, hidden),
    ...attentionWeights(attention, 'layers.{i}.', 'model.hidden'),
    ...normWeights('layers.{i}.mlp_norm', model.finalNorm, hidden),
    ...(mlp === undefined ? [] : mlpWeights(mlp, hidden)),
    ...normWeights('final_norm', model.finalNorm, hidden),
    ...(model.tieEmbeddings ? [] : [matrix('head.weight', [vocab, hidden], embedding)]),
  ];
}

function attentionWeights(
  attention: AttentionShape,
  prefix: string,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const { heads, headDim, valueDim, hidden, biases, qkNorm, columns } = attention;
  const rows = { q: heads.qHeads * headDim, k: heads.kvHeads * headDim, v: heads.kvHeads * valueDim };
  const at = (name: string) => `${prefix}attn.${name}`;
  const qBlame: OptionPath = 'attention.q_heads';
  const kvBlame: OptionPath = 'attention.kv_heads';
  const templates: WeightTemplate[] = [];
  if (hidden !== undefined) {
    for (const name of ['q', 'k', 'v'] as const) {
      const blame = name === 'q' ? qBlame : kvBlame;
      templates.push(matrix(at(`${name}.weight`), [rows[name], hidden], [blame, hiddenOption]));
      if (biases[name]) templates.push(vector(at(`${name}.bias`), rows[name], blame));
    }
  }
  if (qkNorm?.kind === 'rms') {
    for (const name of ['q_norm.weight', 'k_norm.weight'])
      templates.push(vector(at(name), headDim, 'attention.head_dim'));
  }
  if (columns.memory > 0) {
    const blame = (width: OptionPath): OptionPath[] => [kvBlame, 'attention.memory_kv.slots', width];
    const shape = (width: number) => [heads.kvHeads, columns.memory, width];
    templates.push(weight(at('memory_k'), shape(headDim), 'memory', blame('attention.head_dim')));
    templates.push(weight(at('memory_v'), shape(valueDim), 'memory', blame('attention.value_dim')));
  }
  if (hidden !== undefined) {
    templates.push(matrix(at('o.weight'), [hidden, heads.qHeads * valueDim], [hiddenOption, qBlame]));
    if (biases.o) templates.push(vector(at('o.bias'), hidden, hiddenOption));
  }
  return templates;
}

function mlpWeights({ kind, width, biases }: MlpShape, hidden: number): readonly WeightTemplate[] {
  const inner = kind === 'gated' ? (['gate', 'up'] as const) : (['up'] as const);
  const templates: WeightTemplate[] = [];
  for (const name of inner) {
    templates.push(matrix(`layers.{i}.mlp.${name}.weight`, [width, hidden], ['mlp.width', 'model.hidden']));
    if (biases[name]) templates.push(vector(`layers.{i}.mlp.${name}.bias`, width, 'mlp.width'));
  }
  templates.push(matrix('layers.{i}.mlp.down.weight', [hidden, width], ['model.hidden', 'mlp.width']));
  if (biases.down) templates.push(vector('layers.{i}.mlp.down.bias', hidden, 'model.hidden'));
  return templates;
}

function normWeights(name: string, norm: NormShape, hidden: number): readonly WeightTemplate[] {
  const weightOf = vector(`${name}.weight`, hidden, 'model.hidden');
  return norm.bias ? [weightOf, vector(`${name}.bias`, hidden, 'model.hidden')] : [weightOf];
}

function matrix(name: string, shape: readonly number[], blame: readonly OptionPath[]): WeightTemplate {
  return weight(name, shape, 'matrix', blame);
}

function vector(name: string, width: number, blame: OptionPath): WeightTemplate {
  return weight(name, [width], 'vector', [blame]);
}

function weight(
  name: string,
  shape: readonly number[],
  role: WeightTemplate['role'],
  blame: readonly OptionPath[],
): WeightTemplate {
  return Object.freeze({ name, shape: Object.freeze(shape), role, blame: Object.freeze(blame) });
}
