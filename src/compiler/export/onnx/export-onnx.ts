import type { LayerShape, ModelShape, NormShape, ShapedSpec } from '../../check/shaped-spec.ts';
import { type AttentionParts, attentionNodes, type StepInputs } from './attention.ts';
import { GraphBuilder } from './graph.ts';
import { linear, mlpNodes, norm, number, scaled } from './parts.ts';
import { type OnnxRefusal, onnxRefusals } from './refusals.ts';
import { type StoredTensor, type Weights, weightsOf } from './weights.ts';

export type OnnxExport =
  | { readonly kind: 'graph'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'refused'; readonly reasons: readonly OnnxRefusal[] };

/**
 * A decoder as an ONNX graph with `com.microsoft.GroupQueryAttention`, f32, whose weights are those of the checkpoint beside it. Inputs:
 * `input_ids` i64 `[batch, sequence]`, `attention_mask` i64 `[batch, total]` (ones; shorter sequences are padded at their end),
 * `past_key_values.N.key|value` `[batch, K, past, D]`. Outputs: `logits` `[batch, sequence, vocab]`, `present.N.key|value`.
 */
export function exportOnnx(shaped: ShapedSpec, tensors: ReadonlyMap<string, StoredTensor>): OnnxExport {
  const reasons = onnxRefusals(shaped);
  const { model, layers } = shaped;
  if (reasons.length > 0 || model === undefined) return { kind: 'refused', reasons };
  const graph = new GraphBuilder();
  const weights = weightsOf(graph, shaped, tensors);
  const { step, positions } = inputsOf(graph);
  const parts: AttentionParts = { graph, weights, step, context: model.context };
  let x = embedded(graph, weights, model, positions);
  for (const [index, layer] of layers.entries()) x = layerNodes(parts, model, layer, index, x);
  logits(graph, weights, model, x);
  return { kind: 'graph', bytes: graph.encode(shaped.name) };
}

/** What the calls of all layers share, and the position of each new token, i64 `[sequence]`. */
function inputsOf(graph: GraphBuilder): { readonly step: StepInputs; readonly positions: string } {
  const ids = graph.input('input_ids', 'i64', ['batch', 'sequence']);
  const mask = graph.input('attention_mask', 'i64', ['batch', 'total']);
  const one = graph.constant('one', 'i64', [], [1]);
  const zero = graph.constant('zero', 'i64', [], [0]);
  const second = (of: string) => graph.node('Gather', [graph.node('Shape', [of]), one], { attributes: { axis: 0 } });
  const toI32 = (of: string) => graph.node('Cast', [of], { attributes: { to: 6 } });
  const lengths = graph.node('ReduceSum', [mask, graph.constant('axis 1', 'i64', [1], [1])], {
    attributes: { keepdims: 0 },
  });
  const total = second(mask);
  const count = second(ids);
  const first = graph.node('Sub', [total, count]);
  return {
    step: { lastPositions: toI32(graph.node('Sub', [lengths, one])), total: toI32(total) },
    positions: graph.node('Add', [graph.node('Range', [zero, count, one]), first]),
  };
}

function embedded(graph: GraphBuilder, weights: Weights, model: ModelShape, positions: string): string {
  const rows = graph.node('Gather', [weights.vector('embed.weight'), 'input_ids']);
  let x = scaled(graph, rows, model.embeddingScale);
  if (model.embeddingWidth !== undefined) x = linear(graph, weights, 'embed_in', x);
  if (model.positions?.kind === 'learned') {
    const { offset, scale } = model.positions;
    const shift = graph.constant('offset of positions', 'i64', [], [offset]);
    const found = graph.node('Gather', [weights.vector('positions.weight'), graph.node('Add', [positions, shift])]);
    x = graph.node('Add', [x, scaled(graph, found, scale)]);
  }
  return model.embeddingNorm === undefined
    ? x
    : norm(graph, weights, 'embed_norm', model.embeddingNorm, x, model.hidden);
}

/** See BlockShape: where the norms stand, and what is added to what. */
function layerNodes(parts: AttentionParts, model: ModelShape, layer: LayerShape, index: number, x: string): string {
  const { graph, weights } = parts;
  const { block, layerNorms, hidden } = model;
  const normed = (name: string, shape: NormShape | undefined, value: string) =>
    shape === undefined ? value : norm(graph, weights, `layers.${index}.${name}`, shape, value, hidden);
  const added = (to: string, value: string) => graph.node('Add', [to, scaled(graph, value, block.residualScale)]);
  const attention = (input: string) => attentionNodes(parts, layer.attention, index, input);
  const { mlp: shape } = layer;
  if (shape === undefined) throw new Error('layers of a model have an MLP');
  const mlp = (input: string) => mlpNodes(graph, weights, shape, index, input);
  if (block.norms === 'post') {
    const middle = normed('attn_norm', layerNorms.attention, added(x, attention(x)));
    return normed('mlp_norm', layerNorms.mlp, added(middle, mlp(middle)));
  }
  const input = normed('attn_norm', layerNorms.attention, x);
  const middle = added(x, normed('attn_out_norm', layerNorms.attentionOut, attention(input)));
  if (block.parallel === 'one_norm') return added(middle, mlp(input));
  const ofMlp = normed('mlp_norm', layerNorms.mlp, block.parallel === 'two_norms' ? x : middle);
  return added(middle, normed('mlp_out_norm', layerNorms.mlpOut, mlp(ofMlp)));
}

function logits(graph: GraphBuilder, weights: Weights, model: ModelShape, x: string): void {
  const { head, finalNorm, vocab } = model;
  if (head.kind === 'hidden') throw new Error('refused: the graph ends in logits');
  const normed = finalNorm === undefined ? x : norm(graph, weights, 'final_norm', finalNorm, x, model.hidden);
  const narrowed = model.embeddingWidth === undefined ? normed : linear(graph, weights, 'embed_out', normed);
  const matrix = model.tieEmbeddings ? 'embed.weight' : 'head.weight';
  const product = graph.node('MatMul', [narrowed, weights.factor(matrix)]);
  const biased = head.bias ? graph.node('Add', [product, weights.vector('head.bias')]) : product;
  let out = scaled(graph, biased, head.scale);
  if (head.softcap !== undefined) {
    const bounded = graph.node('Tanh', [graph.node('Div', [out, number(graph, head.softcap)])]);
    out = scaled(graph, bounded, head.softcap);
  }
  graph.node('Identity', [out], { outputs: ['logits'] });
  graph.output('logits', 'f32', ['batch', 'sequence', vocab]);
}
