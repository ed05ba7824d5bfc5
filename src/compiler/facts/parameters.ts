import { elementCount } from '../check/dims.ts';
import type { ShapedSpec, WeightShape } from '../check/shaped-spec.ts';

/** Numbers in all weights. A tied head is not counted twice. */
export function parameterCount({ weights }: ShapedSpec): number {
  return sumOf(weights);
}

/** Numbers that one token is multiplied with or looked up in: of a layer's experts, those that are active. */
export function activeParameterCount(shaped: ShapedSpec): number {
  const idle = shaped.weights.reduce((sum, { name, shape }) => {
    const layer = /^layers\.(\d+)\.mlp\.experts\./.exec(name)?.[1];
    const experts = layer === undefined ? undefined : shaped.layers[Number(layer)]?.mlp?.experts;
    return experts === undefined ? sum : sum + (elementCount(shape) / experts.count) * (experts.count - experts.active);
  }, 0);
  return parameterCount(shaped) - idle;
}

/** Numbers in the matrices of every layer's attention: each is multiplied and added once for a token. */
export function attentionMatrixElements({ weights }: ShapedSpec): number {
  return sumOf(weights.filter(({ name, role }) => role === 'matrix' && /^(?:layers\.\d+\.)?attn\./.test(name)));
}

const sumOf = (weights: readonly WeightShape[]): number =>
  weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);
