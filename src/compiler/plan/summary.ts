import type { LayerShape, ShapedSpec } from '../check/shaped-spec.ts';
import { cachedHeads } from '../ir/head-class.ts';

/** Bytes that one token adds to the caches of all layers but rings, rows padded to four entries as they are on the device. */
export function cacheBytesPerToken({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => sum + (ringRows(attention) === 0 ? rowBytes(attention) : 0), 0);
}

/** Bytes of all rings of one sequence, which do not grow with it. */
export function ringBytes({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => sum + ringRows(attention) * rowBytes(attention), 0);
}

const ringRows = ({ cacheLayout }: LayerShape['attention']) => (cacheLayout?.kind === 'ring' ? cacheLayout.rows : 0);

function rowBytes(attention: LayerShape['attention']): number {
  const padded = (width: number) => Math.ceil(width / 4) * 4;
  const width = padded(attention.headDim) + padded(attention.valueDim);
  return cachedHeads(attention).reduce(
    (sum, { kvHeads, dtype }) => sum + kvHeads * width * (dtype === 'f16' ? 2 : 4),
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
