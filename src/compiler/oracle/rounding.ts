import type { TensorDecl } from '../ir/nodes.ts';

const f32 = new Float32Array(1);
const bits = new Uint32Array(f32.buffer);

/** The f16 nearest to the f32 nearest to `x`, ties to even; infinite from 65520 on. */
export function roundToF16(x: number): number {
  return roundTo(x, 10, -14, 65504);
}

/** The bf16 nearest to the f32 nearest to `x`, ties to even. */
export function roundToBf16(x: number): number {
  return roundTo(x, 7, -126, 0xff * 2 ** 120);
}

/** What a tensor of the given dtype, with rows of `width`, holds after `values` are stored in it: values pass through f32, as on the device. */
export function roundTensor(
  values: Float64Array,
  dtype: Exclude<TensorDecl['dtype'], 'int4'>,
  width = 1,
): Float64Array {
  if (dtype === 'u32') return values;
  if (dtype === 'int8') return roundRowsToInt8(values, width);
  if (dtype === 'f32') return values.map(Math.fround);
  return values.map(dtype === 'f16' ? roundToF16 : roundToBf16);
}

/** Each row becomes multiples of its largest magnitude / 127, as WGSL's pack4x8snorm rounds: halves upwards. */
function roundRowsToInt8(values: Float64Array, width: number): Float64Array {
  const rounded = values.map(Math.fround);
  for (let at = 0; at < rounded.length; at += width) {
    const row = rounded.subarray(at, at + width);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.fround(largest / 127);
    for (const [e, value] of row.entries())
      row[e] = largest === 0 ? 0 : Math.floor(0.5 + (127 * value) / largest) * scale;
  }
  return rounded;
}

function roundTo(x: number, mantissaBits: number, minExponent: number, largest: number): number {
  f32[0] = x;
  const value = f32[0];
  if (!Number.isFinite(value)) return value;
  const exponent = Math.max((((bits[0] as number) >>> 23) & 0xff) - 127, minExponent);
  // An f64 of magnitude 1.5 · 2^52 · quantum has ulp = quantum: adding it rounds to a multiple, ties to even.
  const shift = 1.5 * 2 ** (52 + exponent - mantissaBits);
  const rounded = value + shift - shift;
  if (Math.abs(rounded) > largest) return Math.sign(rounded) * Number.POSITIVE_INFINITY;
  return rounded === 0 ? Math.sign(value) * 0 : rounded;
}
