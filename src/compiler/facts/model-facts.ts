import type { AttentionShape, LatentShape, LayerShape, RopeShape, ShapedSpec } from '../check/shaped-spec.ts';
import {
  type BytesByDtype,
  elementsAtContext,
  elementsPerToken,
  elementsPerTokenUngrouped,
  inBytes,
  memoryElements,
  reach,
  storedBytesAtContext,
  storedBytesPerToken,
} from './cache-size.ts';
import { describeMlp, describeNorm, describePositions } from './describe.ts';
import { distinct, distinctBy, shortestPeriod } from './layer-pattern.ts';
import { activeParameterCount, attentionMatrixElements, parameterCount } from './parameters.ts';

/** What a table says about a model. Lists have one entry for each value that layers have, in the order of the first that has it. */
export interface ModelFacts {
  readonly name: string;
  readonly layers: number;
  /** Absent for attention on given heads. */
  readonly hidden?: number;
  readonly vocab?: number;
  /** Absent for attention alone, which has no longest sequence. */
  readonly context?: number;
  readonly qHeads: readonly number[];
  readonly kvHeads: readonly number[];
  readonly groupSize: readonly number[];
  readonly headDim: readonly number[];
  readonly valueDim: readonly number[];
  /** Tokens that each layer sees, its own included, in the shortest pattern that repeats; null sees all. */
  readonly windows: readonly (number | null)[];
  readonly ropes: readonly RopeShape[];
  /** All that tells a model about positions. */
  readonly positions: string;
  readonly norm?: string;
  readonly mlp?: string;
  /** Widths of latent attention. */
  readonly latent?: LatentShape;
  readonly sinks: boolean;
  /** Learned columns before the sequence. */
  readonly memorySlots: readonly number[];
  readonly parameters: number;
  /** Parameters that one token is multiplied with. */
  readonly parametersActive: number;
  readonly kvBytesPerToken: BytesByDtype;
  readonly kvBytesAtContext?: BytesByDtype;
  /** In the dtypes that the spec says, which may differ from head to head. */
  readonly kvBytesStored: { readonly perToken: number; readonly atContext?: number };
  readonly memoryBytes: BytesByDtype;
  /** Cache with a KV head for each query head, divided by this cache. */
  readonly timesSmallerThanMha: number;
  /** Of the token at the end of the context, a multiplication and an addition counted as two: projections, and logits with the sum of values. */
  readonly attentionFlops?: { readonly projections: number; readonly columns: number };
}

export function modelFacts(shaped: ShapedSpec): ModelFacts {
  const { model, layers } = shaped;
  const attentions = layers.map(({ attention }) => attention);
  const of = (read: (attention: AttentionShape) => number) => distinct(attentions.map(read));
  const hidden = model?.hidden ?? attentions[0]?.hidden;
  const perToken = elementsPerToken(layers);
  return Object.freeze({
    name: shaped.name,
    layers: layers.length,
    ...(hidden === undefined ? {} : { hidden }),
    ...(model === undefined ? {} : { vocab: model.vocab, norm: describeNorm(shaped), mlp: describeMlp(layers) }),
    qHeads: of(({ heads }) => heads.qHeads),
    kvHeads: of(({ heads }) => heads.kvHeads),
    groupSize: of(({ heads }) => heads.queriesPerKv),
    headDim: of(({ headDim }) => headDim),
    valueDim: of(({ valueDim }) => valueDim),
    windows: shortestPeriod(attentions.map(windowOf)),
    ropes: distinctBy(
      attentions.flatMap(({ rope }) => rope ?? []),
      (rope) => JSON.stringify(rope),
    ),
    positions: describePositions(shaped),
    ...(attentions[0]?.latent === undefined ? {} : { latent: attentions[0].latent }),
    sinks: attentions.some(({ sinks }) => sinks),
    memorySlots: of(({ columns }) => columns.memory),
    parameters: parameterCount(shaped),
    parametersActive: activeParameterCount(shaped),
    kvBytesPerToken: inBytes(perToken),
    kvBytesStored: {
      perToken: storedBytesPerToken(layers),
      ...(model && { atContext: storedBytesAtContext(layers, model.context) }),
    },
    memoryBytes: inBytes(memoryElements(layers)),
    timesSmallerThanMha: elementsPerTokenUngrouped(layers) / perToken,
    ...(model === undefined ? {} : atContext(shaped, model.context)),
  });
}

function atContext(shaped: ShapedSpec, context: number) {
  return {
    context,
    kvBytesAtContext: inBytes(elementsAtContext(shaped.layers, context)),
    attentionFlops: {
      projections: 2 * attentionMatrixElements(shaped),
      columns: shaped.layers.reduce((sum, layer) => sum + columnFlops(layer, context), 0),
    },
  };
}

function columnFlops({ attention }: LayerShape, context: number): number {
  const { heads, headDim, valueDim, columns } = attention;
  return 2 * heads.qHeads * (headDim + valueDim) * (columns.zero + columns.memory + reach(attention, context));
}

function windowOf({ mask }: AttentionShape): number | null {
  return mask.window ?? mask.chunk ?? null;
}
