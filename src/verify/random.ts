import { elementCount } from '../runtime/abi1/extents.ts';
/** A reproducible stream of numbers in [0, 1) with 32 bits each (mulberry32, by T. Ettinger, public domain). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values of either sign with magnitudes in [size / 8, size): none is zero, so that no term can be missing unnoticed. */
export function randomValues(count: number, next: () => number, size = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => {
    const magnitude = size * (0.125 + 0.875 * next());
    return next() < 0.5 ? -magnitude : magnitude;
  });
}

/** A tensor of `randomValues`. */
export const randomTensor = (shape: readonly number[], next: () => number, size = 1) => ({
  shape,
  data: randomValues(elementCount(shape), next, size),
});
