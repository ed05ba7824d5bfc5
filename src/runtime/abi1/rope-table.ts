import { UsageError } from './errors.ts';

export interface RopeShape {
  /** Dimensions that are rotated; even. */
  readonly dim: number;
  readonly base: number;
  /** Number of positions. */
  readonly context: number;
}

/**
 * `[context, dim / 2]` pairs (cos, sin) of position × base^(-2j / dim), computed in f64 and rounded once to f32: at large
 * positions an angle computed in f32 would already have lost its fraction. Source: RoFormer, arXiv 2104.09864.
 */
export function ropeTable({ dim, base, context }: RopeShape): Float32Array<ArrayBuffer> {
  if (!Number.isSafeInteger(dim) || dim < 2 || dim % 2 !== 0) {
    throw new UsageError(`a rotary dimension is an even integer of at least 2, given ${dim}`);
  }
  if (!(base > 0 && Number.isFinite(base))) throw new UsageError(`a rotary base is a positive number, given ${base}`);
  if (!Number.isSafeInteger(context) || context < 0) {
    throw new UsageError(`a context is an integer of at least 0, given ${context}`);
  }
  const pairs = dim / 2;
  const frequencies = Float64Array.from({ length: pairs }, (_, j) => base ** ((-2 * j) / dim));
  const table = new Float32Array(context * dim);
  for (let position = 0; position < context; position += 1) {
    for (let j = 0; j < pairs; j += 1) {
      const angle = position * (frequencies[j] as number);
      const at = position * dim + 2 * j;
      table[at] = Math.cos(angle);
      table[at + 1] = Math.sin(angle);
    }
  }
  return table;
}
