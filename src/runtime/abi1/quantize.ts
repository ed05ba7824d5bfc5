import type { WeightDecl } from './definition.ts';
import { f16ToF32, f32ToF16 } from './floats.ts';

/**
 * Integers that share a scale in groups: an entry is (code − 2^(bits − 1)) · scale, scale an f16. The entry of largest magnitude of a
 * group gets code 0, so that every code is used: its scale is that entry / −2^(bits − 1), rounded towards zero, and quantising again
 * changes nothing. Of int4, the entries 2n and 2n + 1 are the lower and the upper half of byte n.
 */
export interface Quantized {
  readonly dtype: 'int8' | 'int4';
  readonly group: number;
}

export interface QuantizedValues {
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The bits of an f16 for each group. */
  readonly scales: Uint16Array<ArrayBuffer>;
}

const negativeZero = 0x8000;
const bitsOf = { int8: 8, int4: 4 } as const;

/** Undefined for a weight that is stored in floating point. */
export function quantizedOf({ dtype, group }: Pick<WeightDecl, 'dtype' | 'group'>): Quantized | undefined {
  return (dtype === 'int8' || dtype === 'int4') && group !== undefined ? { dtype, group } : undefined;
}

/** Bytes of the codes of so many entries. */
export const codeBytes = (entries: number, { dtype }: Quantized): number => (entries * bitsOf[dtype]) / 8;

/** Codes, which end at a multiple of eight bytes, and scales, padded to one: some kernels read eight bytes at a time. */
export const quantizedBytes = (entries: number, quantized: Quantized): number =>
  codeBytes(entries, quantized) + 8 * Math.ceil(entries / quantized.group / 4);

/**
 * Quantises whole groups.
 * @throws RangeError when an entry is not a number or too large for a scale.
 */
export function quantize(values: Float32Array, { dtype, group }: Quantized): QuantizedValues {
  const half = 2 ** (bitsOf[dtype] - 1);
  const most = 2 * half - 1;
  const codes = new Uint8Array(values.length);
  const scales = new Uint16Array(values.length / group);
  for (let g = 0; g < scales.length; g++) {
    const start = g * group;
    const bits = scaleBits(values, start, start + group, half);
    const scale = f16ToF32(bits);
    scales[g] = bits;
    if (scale === 0) codes.fill(half, start, start + group);
    else {
      for (let at = start; at < start + group; at++) {
        // Towards zero is down, as what is below zero becomes zero.
        const code = ((values[at] as number) / scale + (half + 0.5)) | 0;
        codes[at] = code < 0 ? 0 : code > most ? most : code;
      }
    }
  }
  return { codes: dtype === 'int4' ? paired(codes) : codes, scales };
}

/** The scale of the entries from `start` to `end`, not beyond the largest of them / −`half`. */
function scaleBits(values: Float32Array, start: number, end: number, half: number): number {
  let largest = 0;
  let most = 0;
  let sum = 0;
  for (let at = start; at < end; at++) {
    const value = values[at] as number;
    const magnitude = Math.abs(value);
    sum += magnitude;
    if (magnitude > most) {
      most = magnitude;
      largest = value;
    }
  }
  const scale = largest / -half;
  // A NaN is no maximum, but it is in the sum.
  if (!Number.isFinite(sum) || Math.abs(scale) > 65504)
    throw new RangeError(`its entries from ${start} to ${end} are not numbers, or too large for a scale in f16`);
  const nearest = f32ToF16(scale);
  const bits = Math.abs(f16ToF32(nearest)) > Math.abs(scale) ? nearest - 1 : nearest;
  return bits === negativeZero ? 0 : bits;
}

function paired(codes: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(codes.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (codes[2 * at] as number) | ((codes[2 * at + 1] as number) << 4);
  }
  return bytes;
}

/** The entries that codes and scales stand for. */
export function dequantize({ codes, scales }: QuantizedValues, { dtype, group }: Quantized): Float32Array<ArrayBuffer> {
  const bits = bitsOf[dtype];
  const half = 2 ** (bits - 1);
  const values = new Float32Array((codes.length * 8) / bits);
  for (let at = 0; at < values.length; at++) {
    const byte = codes[Math.floor((at * bits) / 8)] as number;
    const code = dtype === 'int8' ? byte : (byte >> (4 * (at % 2))) & 0xf;
    values[at] = (code - half) * f16ToF32(scales[Math.floor(at / group)] as number);
  }
  return values;
}
