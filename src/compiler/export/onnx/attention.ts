import type { AttentionShape, RopeShape } from '../../check/shaped-spec.ts';
import { turnsOf } from '../../oracle/rope.ts';
import type { GraphBuilder } from './graph.ts';
import { linear, rmsNorm } from './parts.ts';
import type { Weights } from './weights.ts';

/** Names that all layers share. */
export interface StepInputs {
  /** i32 `[B]`: tokens of each sequence after this call, less one. */
  readonly lastPositions: string;
  /** i32: tokens of the longest sequence after this call. */
  readonly total: string;
}

export interface AttentionParts {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly step: StepInputs;
  readonly context: number;
}

/** One layer's attention from its normalised input; its cache goes in and comes out under the usual names. */
export function attentionNodes(parts: AttentionParts, attention: AttentionShape, layer: number, input: string): string {
  const { graph, weights, step, context } = parts;
  const at = (name: string) => `layers.${layer}.attn.${name}`;
  const { heads, headDim, scale, softcap, mask, rope } = attention;
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => projection(parts, attention, at(name), input));
  const tables = rope === undefined ? ['', ''] : ropeTables(graph, rope, context);
  const cache = ['key', 'value'].map((name) => pastAndPresent(graph, attention, layer, name));
  const sink = attention.sinks ? [weights.vector(at('sinks'))] : [];
  const inputs = [
    normed(parts, attention, at('q_norm'), q ?? '', heads.qHeads),
    normed(parts, attention, at('k_norm'), k ?? '', heads.kvHeads),
    v ?? '',
    ...cache.map(({ past }) => past),
    step.lastPositions,
    step.total,
    ...tables,
    ...(sink.length === 0 ? [] : ['', '', ...sink]),
  ];
  const output = graph.node('GroupQueryAttention', inputs, {
    domain: 'com.microsoft',
    outputs: [at('heads'), ...cache.map(({ present }) => present)],
    attributes: {
      num_heads: heads.qHeads,
      kv_num_heads: heads.kvHeads,
      scale: { float: scale },
      ...(softcap === undefined ? {} : { softcap: { float: softcap.cap } }),
      ...(mask.window === undefined ? {} : { local_window_size: mask.window }),
      ...(rope === undefined ? {} : { do_rotary: 1, rotary_interleaved: rope.pairing === 'interleaved' ? 1 : 0 }),
    },
  });
  for (const { present } of cache) graph.output(present, 'f32', ['batch', heads.kvHeads, 'total', headDim]);
  return linear(graph, weights, at('o'), output);
}

function projection(
  { graph, weights }: AttentionParts,
  { clipQkv }: AttentionShape,
  name: string,
  input: string,
): string {
  const made = linear(graph, weights, name, input);
  if (clipQkv === undefined) return made;
  const bounds = [-clipQkv, clipQkv].map((bound, i) => graph.constant(`${name}.bound${i}`, 'f32', [], [bound]));
  return graph.node('Clip', [made, ...bounds]);
}

/** The norm of a head's entries, or of the whole projection's. */
function normed(
  parts: AttentionParts,
  { qkNorms, headDim }: AttentionShape,
  name: string,
  value: string,
  heads: number,
): string {
  const [norm] = qkNorms;
  if (norm === undefined) return value;
  const { graph, weights } = parts;
  if (norm.weight === 'projection') return rmsNorm(graph, weights, name, norm, value);
  const split = graph.constant(`${name}.split`, 'i64', [4], [0, 0, heads, headDim]);
  const whole = graph.constant(`${name}.whole`, 'i64', [3], [0, 0, heads * headDim]);
  const ofHeads = rmsNorm(graph, weights, name, norm, graph.node('Reshape', [value, split]));
  return graph.node('Reshape', [ofHeads, whole]);
}

function pastAndPresent(graph: GraphBuilder, { heads, headDim }: AttentionShape, layer: number, name: string) {
  const past = graph.input(`past_key_values.${layer}.${name}`, 'f32', ['batch', heads.kvHeads, 'past', headDim]);
  return { past, present: `present.${layer}.${name}` };
}

/** Pairs of a table: the operator takes eight at a time. Pairs of neighbours may have others after them, halves may not. */
const tableWidth = ({ dim, pairing }: RopeShape): number =>
  pairing === 'interleaved' ? Math.ceil(dim / tableStep) * (tableStep / 2) : dim / 2;

const tableStep = 16;

/** Whether the operator turns heads so. */
export function canRotate(rope: RopeShape, headDim: number): boolean {
  return tableWidth(rope) % (tableStep / 2) === 0 && 2 * tableWidth(rope) <= headDim;
}

/** cos and sin `[context, dim / 2]`, once for all layers that turn alike. */
function ropeTables(graph: GraphBuilder, rope: RopeShape, context: number): readonly string[] {
  const { speeds, factor } = turnsOf(rope, context);
  const width = tableWidth(rope);
  const table = (of: (angle: number) => number) =>
    Float32Array.from({ length: context * width }, (_, at) => {
      const speed = speeds[at % width];
      // Pairs beyond the rotated ones stay where they are.
      return speed === undefined ? of(0) : factor * of(Math.floor(at / width) * speed);
    });
  const key = JSON.stringify(rope);
  return [
    graph.shared(`cos of ${key}`, () => graph.constant(`cos of ${key}`, 'f32', [context, width], table(Math.cos))),
    graph.shared(`sin of ${key}`, () => graph.constant(`sin of ${key}`, 'f32', [context, width], table(Math.sin))),
  ];
}
