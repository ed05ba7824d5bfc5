import type { LayerShape, ShapedSpec } from '../check/shaped-spec.ts';

/** Bytes that one token adds to the caches of all layers, rows padded to four entries as they are on the device. */
export function cacheBytesPerToken({ layers }: ShapedSpec): number {
  return layers.reduce((sum, { attention }) => sum + layerBytes(attention), 0);
}

function layerBytes({ heads, headDim, valueDim, cacheDtype }: LayerShape['attention']): number {
  const padded = (width: number) => Math.ceil(width / 4) * 4;
  return heads.kvHeads * (padded(headDim) + padded(valueDim)) * (cacheDtype === 'f16' ? 2 : 4);
}

/** Learned memory of all layers, which is a constant and not part of the cache. */
export function memoryBytes({ layers }: ShapedSpec): number {
  return layers.reduce(
    (sum, { attention: { heads, headDim, valueDim, columns } }) =>
      sum + heads.kvHeads * columns.memory * (headDim + valueDim) * 4,
    0,
  );
}
