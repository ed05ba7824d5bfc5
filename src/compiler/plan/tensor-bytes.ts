import type { Quantization } from '../check/shaped-spec.ts';
import type { TensorDecl } from '../ir/nodes.ts';

/** Bytes of one element on the device; of integers, without their scales. */
export const elementBytes: Readonly<Record<TensorDecl['dtype'], number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  int8: 1,
  int4: 0.5,
  u32: 4,
};

/** Bytes of so many elements of a tensor; a group of integers has a scale of two. */
export function bytesOf(elements: number, { dtype, weight }: Pick<TensorDecl, 'dtype' | 'weight'>): number {
  return elements * elementBytes[dtype] + scaleBytes(elements, weight?.quantization);
}

const scaleBytes = (elements: number, quantization: Quantization | undefined): number =>
  quantization === undefined ? 0 : (2 * elements) / quantization.group;

/** Bytes of a row of a cache: of int8, with its scale. */
export const cacheRowBytes = (dtype: TensorDecl['dtype'], width: number): number =>
  width * elementBytes[dtype] + (dtype === 'int8' ? 4 : 0);
