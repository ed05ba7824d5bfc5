import type { AttentionShape, LayerShape } from '../check/shaped-spec.ts';
import { cachedHeads } from '../ir/head-class.ts';

/** Bytes of one element, as caches may be stored; int8 without its scales. */
export const elementBytes = { f32: 4, f16: 2, int8: 1 } as const;
/** Bytes that each key and each value of a head has besides. */
const scaleBytes = { f32: 0, f16: 0, int8: 4 } as const;

export type StoredAs = keyof typeof elementBytes;
export type BytesByDtype = Readonly<Record<StoredAs, number>>;

export function inBytes(elements: number): BytesByDtype {
  return { f32: elements * elementBytes.f32, f16: elements * elementBytes.f16, int8: elements * elementBytes.int8 };
}

/** Elements that one token adds to the caches of all layers: K · (D + Dv) each, or the latent row that keys and values are made from. */
export function elementsPerToken(layers: readonly LayerShape[]): number {
  return layers.reduce((sum, { attention }) => sum + elementsOfToken(attention), 0);
}

/** What it would be with a KV head for every query head, none of them made from a latent row. */
export function elementsPerTokenUngrouped(layers: readonly LayerShape[]): number {
  return layers.reduce((sum, { attention }) => sum + elementsOfHeads(attention, attention.heads.qHeads), 0);
}

/** Elements of a full cache: a layer keeps the tokens that its last query can see. */
export function elementsAtContext(layers: readonly LayerShape[], context: number): number {
  return layers.reduce((sum, { attention }) => sum + elementsOfToken(attention) * reach(attention, context), 0);
}

/** Learned memory keys and values: a constant, whatever the length. */
export function memoryElements(layers: readonly LayerShape[]): number {
  return layers.reduce(
    (sum, { attention }) => sum + attention.columns.memory * elementsOfHeads(attention, headsInUse(attention)),
    0,
  );
}

/** Keys of the sequence that the query at the end of the context sees at most. */
export function reach({ mask }: AttentionShape, context: number): number {
  const { window = context, chunk = context, prefix = 0 } = mask;
  const local = Math.min(window, chunk);
  // A prefix given at run time may be as long as the sequence.
  return local < context && prefix !== 'runtime' ? Math.min(context, local + prefix) : context;
}

/** Elements that one token adds to the cache of a layer. */
export function elementsOfToken(attention: AttentionShape): number {
  const { latent } = attention;
  return latent?.cache === 'latent'
    ? latent.kvRank + latent.ropeDim
    : elementsOfHeads(attention, headsInUse(attention));
}

/** Bytes that one token adds to the caches of all layers, in the dtypes that the spec says. */
export function storedBytesPerToken(layers: readonly LayerShape[]): number {
  return layers.reduce((sum, { attention }) => sum + storedBytesOfToken(attention), 0);
}

/** Bytes of a full cache in the dtypes that the spec says. */
export function storedBytesAtContext(layers: readonly LayerShape[], context: number): number {
  return layers.reduce((sum, { attention }) => sum + storedBytesOfToken(attention) * reach(attention, context), 0);
}

function storedBytesOfToken(attention: AttentionShape): number {
  if (attention.latent?.cache === 'latent') return elementsOfToken(attention) * elementBytes[attention.cacheDtype];
  return cachedHeads(attention).reduce(
    (sum, { kvHeads, dtype }) =>
      sum + elementsOfHeads(attention, kvHeads) * elementBytes[dtype] + 2 * kvHeads * scaleBytes[dtype],
    0,
  );
}

const headsInUse = (attention: AttentionShape): number =>
  cachedHeads(attention).reduce((sum, { kvHeads }) => sum + kvHeads, 0);

const elementsOfHeads = ({ headDim, valueDim }: AttentionShape, heads: number): number => heads * (headDim + valueDim);
