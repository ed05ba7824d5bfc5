import type { OptionPath } from '../bind.ts';
import type { ExpertsShape, MlpShape } from '../shaped-spec.ts';
import { keptMatrix, matrix, perHead, vector, type WeightTemplate, weight } from './template.ts';

const at = (name: string) => `layers.{i}.mlp.${name}`;

/** Names and shapes of an MLP's weights, or of its experts'. */
export function mlpWeights(mlp: MlpShape, hidden: number): readonly WeightTemplate[] {
  const { experts } = mlp;
  const inner = mlp.kind === 'gated' ? (['gate', 'up'] as const) : (['up'] as const);
  if (experts !== undefined) return expertsWeights(experts, inner, hidden);
  const { width, biases } = mlp;
  return [
    ...inner.flatMap((name) => [
      matrix(at(`${name}.weight`), [width, hidden], ['mlp.width', 'model.hidden']),
      ...(biases[name] ? [vector(at(`${name}.bias`), width, 'mlp.width')] : []),
    ]),
    matrix(at('down.weight'), [hidden, width], ['model.hidden', 'mlp.width']),
    ...(biases.down ? [vector(at('down.bias'), hidden, 'model.hidden')] : []),
  ];
}

function expertsWeights(
  experts: ExpertsShape,
  inner: readonly ('gate' | 'up')[],
  hidden: number,
): readonly WeightTemplate[] {
  const { count, width, biases, shared } = experts;
  const counted: OptionPath = 'mlp.experts.count';
  const stacked = (name: 'gate' | 'up' | 'down', shape: readonly [number, number], blame: readonly OptionPath[]) => [
    matrix(at(`experts.${name}.weight`), [count, ...shape], [counted, ...blame]),
    ...(biases[name]
      ? [weight(at(`experts.${name}.bias`), [count, shape[0]], 'vector', [counted, blame[0] ?? counted])]
      : []),
  ];
  return [
    keptMatrix(at('router.weight'), [count, hidden], [counted, 'model.hidden']),
    ...(experts.routerBias ? [vector(at('router.bias'), count, counted)] : []),
    ...(experts.correctionBias ? [perHead(at('correction_bias'), [count], [counted])] : []),
    ...inner.flatMap((name) => stacked(name, [width, hidden], ['mlp.experts.width', 'model.hidden'])),
    ...stacked('down', [hidden, width], ['model.hidden', 'mlp.experts.width']),
    ...(shared === undefined ? [] : sharedWeights(shared, inner, hidden)),
  ];
}

function sharedWeights(
  { width, gate }: NonNullable<ExpertsShape['shared']>,
  inner: readonly ('gate' | 'up')[],
  hidden: number,
): readonly WeightTemplate[] {
  const option: OptionPath = 'mlp.experts.shared.width';
  return [
    ...inner.map((name) => matrix(at(`shared.${name}.weight`), [width, hidden], [option, 'model.hidden'])),
    ...(gate ? [keptMatrix(at('shared_gate.weight'), [1, hidden], [option, 'model.hidden'])] : []),
    matrix(at('shared.down.weight'), [hidden, width], ['model.hidden', option]),
  ];
}
