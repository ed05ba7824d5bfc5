import type { ShapedSpec, WeightShape } from '../check/shaped-spec.ts';

/** Numbers in all weights. A tied head is not counted twice. */
export function parameterCount({ weights }: ShapedSpec): number {
  return sumOf(weights);
}

/** Numbers in the matrices of every layer's attention: each is multiplied and added once for a token. */
export function attentionMatrixElements({ weights }: ShapedSpec): number {
  return sumOf(weights.filter(({ name, role }) => role === 'matrix' && /^(?:layers\.\d+\.)?attn\./.test(name)));
}

const sumOf = (weights: readonly WeightShape[]): number =>
  weights.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
