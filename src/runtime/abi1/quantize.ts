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

/** Codes, which end at a multiple of 16 bytes, and scales, padded to one: some kernels read 16 bytes at a time. */
export const quantizedBytes = (entries: number, quantized: Quantized): number =>
  codeBytes(entries, quantized) + 16 * Math.ceil(entries / quantized.group / 8);

/**
 * Quantises whole groups.
 * @throws RangeError when an entry is not a number or too large for a scale.
 */
export function quantize(values: Float32Array, { dtype, group }: Quantized): QuantizedValues {
  const half = 2 ** (bitsOf[dtype] - 1);
  const codesOf = dtype === 'int8' ? bytesOfGroup : nibblesOfGroup;
  const codes = new Uint8Array((values.length * bitsOf[dtype]) / 8);
  const scales = new Uint16Array(values.length / group);
  for (let g = 0; g < scales.length; g++) {
    const bits = scaleBits(values, g * group, (g + 1) * group, half);
    scales[g] = bits;
    codesOf(values, g * group, (g + 1) * group, f16ToF32(bits), codes);
  }
  return { codes, scales };
}

/** Codes are rounded towards zero, which is down, as what is below zero becomes zero. Entries of a group without a scale are zeros. */
function bytesOfGroup(values: Float32Array, start: number, end: number, scale: number, codes: Uint8Array): void {
  const divisor = scale === 0 ? 1 : scale;
  for (let at = start; at < end; at++) {
    const code = ((values[at] as number) / divisor + 128.5) | 0;
    codes[at] = code < 0 ? 0 : code > 255 ? 255 : code;
  }
}

function nibblesOfGroup(values: Float32Array, start: number, end: number, scale: number, codes: Uint8Array): void {
  const divisor = scale === 0 ? 1 : scale;
  for (let at = start; at < end; at += 2) {
    const low = ((values[at] as number) / divisor + 8.5) | 0;
    const high = ((values[at + 1] as number) / divisor + 8.5) | 0;
    codes[at >> 1] = (low < 0 ? 0 : low > 15 ? 15 : low) | ((high < 0 ? 0 : high > 15 ? 15 : high) << 4);
  }
}

/** The scale of the entries from `start` to `end`, not beyond the largest of them / −`half`. */
function scaleBits(values: Float32Array, start: number, end: number, half: number): number {
  let most = 0;
  let least = 0;
  let sum = 0;
  for (let at = start; at < end; at++) {
    const value = values[at] as number;
    sum += value;
    most = value > most ? value : most;
    least = value < least ? value : least;
  }
  // Of two that are as large, the first one counts.
  const isPositive = most === -least ? values.indexOf(most, start) < values.indexOf(least, start) : most > -least;
  const scale = (isPositive ? most : least) / -half;
  // A NaN is neither most nor least, but it is in the sum.
  if (!Number.isFinite(sum) || Math.abs(scale) > 65504)
    throw new RangeError(`its entries from ${start} to ${end} are not numbers, or too large for a scale in f16`);
  const nearest = f32ToF16(scale);
  const bits = Math.abs(f16ToF32(nearest)) > Math.abs(scale) ? nearest - 1 : nearest;
  return bits === negativeZero ? 0 : bits;
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
