import type { Activation, MlpShape, NormShape } from '../../check/shaped-spec.ts';
import type { GraphBuilder } from './graph.ts';
import type { Weights } from './weights.ts';

/** x · Wᵀ + b, with the bias that the spec has. */
export function linear(graph: GraphBuilder, weights: Weights, name: string, input: string): string {
  const product = graph.node('MatMul', [input, weights.factor(`${name}.weight`)]);
  return weights.has(`${name}.bias`) ? graph.node('Add', [product, weights.vector(`${name}.bias`)]) : product;
}

export function norm(
  graph: GraphBuilder,
  weights: Weights,
  name: string,
  shape: NormShape,
  input: string,
  width: number,
): string {
  if (shape.kind === 'rms' && shape.weight) return rmsNorm(graph, weights, name, shape, input);
  const gain = shape.weight
    ? withOffset(graph, weights, name, shape)
    : graph.shared(`ones of ${width}`, () =>
        graph.constant(`ones of ${width}`, 'f32', [width], new Float32Array(width).fill(1)),
      );
  const bias = shape.bias ? [weights.vector(`${name}.bias`)] : [];
  const attributes = { axis: -1, epsilon: { float: shape.eps } };
  return graph.node(
    shape.kind === 'rms' ? 'SimplifiedLayerNormalization' : 'LayerNormalization',
    [input, gain, ...bias],
    {
      attributes,
    },
  );
}

/** Over the last axis, with a learned weight. */
export function rmsNorm(
  graph: GraphBuilder,
  weights: Weights,
  name: string,
  shape: Pick<NormShape, 'eps' | 'unitOffset'>,
  input: string,
): string {
  return graph.node('SimplifiedLayerNormalization', [input, withOffset(graph, weights, name, shape)], {
    attributes: { axis: -1, epsilon: { float: shape.eps }, stash_type: 1 },
  });
}

function withOffset(
  graph: GraphBuilder,
  weights: Weights,
  name: string,
  { unitOffset }: Pick<NormShape, 'unitOffset'>,
): string {
  const stored = weights.vector(`${name}.weight`);
  return unitOffset ? graph.node('Add', [stored, number(graph, 1)]) : stored;
}

export function mlpNodes(
  graph: GraphBuilder,
  weights: Weights,
  { kind, activation }: MlpShape,
  layer: number,
  input: string,
): string {
  const at = (name: string) => `layers.${layer}.mlp.${name}`;
  if (typeof activation !== 'string') throw new Error('refused: the graph has no such activation');
  const up = linear(graph, weights, at('up'), input);
  if (kind === 'plain') return linear(graph, weights, at('down'), activate(graph, activation, up));
  const gate = activate(graph, activation, linear(graph, weights, at('gate'), input));
  return linear(graph, weights, at('down'), graph.node('Mul', [gate, up]));
}

function activate(graph: GraphBuilder, activation: Activation, x: string): string {
  switch (activation) {
    case 'silu':
      return graph.node('Mul', [x, graph.node('Sigmoid', [x])]);
    case 'gelu':
      return graph.node('Gelu', [x], { attributes: { approximate: 'none' } });
    case 'gelu_tanh':
      return graph.node('Gelu', [x], { attributes: { approximate: 'tanh' } });
    case 'quick_gelu':
      return graph.node('Mul', [x, graph.node('Sigmoid', [graph.node('Mul', [x, number(graph, 1.702)])])]);
    case 'relu':
      return graph.node('Relu', [x]);
    case 'relu2': {
      const positive = graph.node('Relu', [x]);
      return graph.node('Mul', [positive, positive]);
    }
  }
}

/** x times a factor, which is left out when it is 1. */
export function scaled(graph: GraphBuilder, x: string, factor: number): string {
  return factor === 1 ? x : graph.node('Mul', [x, number(graph, factor)]);
}

export function number(graph: GraphBuilder, value: number): string {
  const name = `number ${value}`;
  return graph.shared(name, () => graph.constant(name, 'f32', [], [value]));
}
