import { constantOf } from '../check/dims.ts';
import type { LayerShape, ShapedSpec } from '../check/shaped-spec.ts';
import { cachedHeads } from '../ir/head-class.ts';
import type { AttnModule } from '../ir/nodes.ts';
import { quads } from './extents.ts';
import { bytesOf, cacheRowBytes } from './tensor-bytes.ts';

/** Bytes that one token adds to the caches of all layers but rings, rows padded to four entries as they are on the device. */
export function cacheBytesPerToken({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => sum + (ringRows(attention) === 0 ? tokenBytes(attention) : 0), 0);
}

/** Bytes of all rings of one sequence, which do not grow with it. */
export function ringBytes({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => sum + ringRows(attention) * tokenBytes(attention), 0);
}

const ringRows = ({ cacheLayout }: LayerShape['attention']) => (cacheLayout?.kind === 'ring' ? cacheLayout.rows : 0);

function tokenBytes(attention: LayerShape['attention']): number {
  const { latent, cacheDtype, headDim, valueDim } = attention;
  const padded = (width: number) => quads(width) * 4;
  if (latent?.cache === 'latent') return cacheRowBytes(cacheDtype, padded(latent.kvRank + latent.ropeDim));
  return cachedHeads(attention).reduce(
    (sum, { kvHeads, dtype }) =>
      [headDim, valueDim].reduce((bytes, width) => bytes + kvHeads * cacheRowBytes(dtype, padded(width)), sum),
    0,
  );
}

/** Learned memory of all layers, which is a constant and not part of the cache. */
export function memoryBytes({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => {
    const { headDim, valueDim, columns } = attention;
    const heads = cachedHeads(attention).reduce((count, { kvHeads }) => count + kvHeads, 0);
    return sum + heads * columns.memory * (headDim + valueDim) * 4;
  }, 0);
}

/** Bytes of all weights as they are stored on the device, but for padding. */
export function weightBytes({ tensors }: AttnModule): number {
  const weights = [...tensors.values()].filter(({ role }) => role === 'weight');
  return weights.reduce((sum, tensor) => {
    const elements = tensor.shape.reduce((product, extent) => product * (constantOf(extent) ?? 0), 1);
    return sum + bytesOf(elements, tensor);
  }, 0);
}
