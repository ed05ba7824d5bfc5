import { UsageError } from './errors.ts';
import { type RopeShape, ropeFrequencies } from './rope-frequencies.ts';

/**
 * `[context, dim / 2]` pairs (cos, sin) of position × frequency, computed in f64 and rounded once to f32: at large
 * positions an angle computed in f32 would already have lost its fraction. `context` is the number of positions.
 */
export function ropeTable(shape: RopeShape, context: number): Float32Array<ArrayBuffer> {
  const { dim, base } = shape;
  if (!Number.isSafeInteger(dim) || dim < 2 || dim % 2 !== 0) {
    throw new UsageError(`a rotary dimension is an even integer of at least 2, given ${dim}`);
  }
  if (!(base > 0 && Number.isFinite(base))) throw new UsageError(`a rotary base is a positive number, given ${base}`);
  if (!Number.isSafeInteger(context) || context < 0) {
    throw new UsageError(`a context is an integer of at least 0, given ${context}`);
  }
  const { frequencies, factor } = ropeFrequencies(shape, context);
  const table = new Float32Array(context * dim);
  for (let position = 0; position < context; position += 1) {
    for (const [j, frequency] of frequencies.entries()) {
      const angle = position * frequency;
      const at = position * dim + 2 * j;
      table[at] = factor * Math.cos(angle);
      table[at + 1] = factor * Math.sin(angle);
    }
  }
  return table;
}
