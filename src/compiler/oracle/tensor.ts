import { elementCount } from '../check/dims.ts';

/** A dense row-major array of f64. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function zeros(shape: readonly number[]): Tensor {
  return { shape, data: new Float64Array(elementCount(shape)) };
}

/** @throws Error when the number of values is not that of the shape. */
export function tensorOf(name: string, values: ArrayLike<number>, shape: readonly number[]): Tensor {
  if (values.length !== elementCount(shape)) {
    throw new Error(`${name} has ${values.length} values, its shape [${shape.join(', ')}] has ${elementCount(shape)}`);
  }
  return { shape, data: Float64Array.from(values) };
}

/** Σ a[aAt + i] · b[bAt + i] over `length` entries. */
export function dot(a: Float64Array, aAt: number, b: Float64Array, bAt: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (a[aAt + i] as number) * (b[bAt + i] as number);
  return sum;
}

/** target[at + i] += factor · source[sourceAt + i] over `length` entries. */
export function addScaled(
  target: Float64Array,
  at: number,
  factor: number,
  source: Float64Array,
  sourceAt: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) {
    target[at + i] = (target[at + i] as number) + factor * (source[sourceAt + i] as number);
  }
}
