/**
 * Conversions between the number formats of weight files and f32. Narrowing rounds to nearest, ties to even, keeps
 * subnormals and the sign of zero, and goes to infinity beyond the largest finite value.
 * Typed arrays are little-endian on every platform that has WebGPU, as the files are, so words are taken as they lie.
 * Formats: IEEE 754 binary16; bfloat16; OCP 8-bit Floating Point 1.0 (E5M2, E4M3); OCP Microscaling 1.0 (E8M0, E3M2, E2M3, E2M1).
 */
import { UsageError } from './errors.ts';

/** The dtypes of the safetensors format and how many bits an element takes. */
export const dtypeBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
} as const;

export type Dtype = keyof typeof dtypeBits;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(dtypeBits, name);
}

const scratchF32 = new Float32Array(1);
const scratchU32 = new Uint32Array(scratchF32.buffer);

export function f32Bits(value: number): number {
  scratchF32[0] = value;
  return scratchU32[0] as number;
}

export function f32FromBits(bits: number): number {
  scratchU32[0] = bits;
  return scratchF32[0] as number;
}

/** The bits of the f32 nearest-even narrowed to binary16. NaN stays a NaN, quiet, with the upper bits of its payload. */
function f32BitsToF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // 65520 and above round to infinity: halfway between 65504 and 65536 goes to the even side, which is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - 0x38000000;
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  // At most half of the smallest subnormal, 2^-25, rounds to zero (the tie is even).
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const quotient = mantissa >>> shift;
  const remainder = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const up = remainder > half || (remainder === half && (quotient & 1) === 1);
  return sign | (up ? quotient + 1 : quotient);
}

/** NaN stays a NaN: its lowest payload bits could be all that is set, so the quiet bit is forced. */
function f32BitsToBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function f32ToF16(value: number): number {
  return f32BitsToF16(f32Bits(value));
}

export function f32ToBf16(value: number): number {
  return f32BitsToBf16(f32Bits(value));
}

export function f16ToF32(bits: number): number {
  return f32FromBits(f16BitsToF32Bits(bits));
}

export function bf16ToF32(bits: number): number {
  return f32FromBits(bits << 16);
}

function f16BitsToF32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const lead = 31 - Math.clz32(mantissa);
  return sign | ((lead + 103) << 23) | ((mantissa << (23 - lead)) & 0x7fffff);
}

interface SmallFormat {
  readonly bits: number;
  readonly mantissa: number;
  readonly bias: number;
  readonly specials: 'ieee' | 'nan-only' | 'none';
}

const smallFormats = {
  F8_E5M2: { bits: 8, mantissa: 2, bias: 15, specials: 'ieee' },
  F8_E4M3: { bits: 8, mantissa: 3, bias: 7, specials: 'nan-only' },
  F6_E3M2: { bits: 6, mantissa: 2, bias: 3, specials: 'none' },
  F6_E2M3: { bits: 6, mantissa: 3, bias: 1, specials: 'none' },
  F4: { bits: 4, mantissa: 1, bias: 1, specials: 'none' },
} as const satisfies Record<string, SmallFormat>;

function decodeSmall(format: SmallFormat, code: number): number {
  const magnitudeBits = format.bits - 1;
  const sign = code >>> magnitudeBits === 1 ? -1 : 1;
  const magnitude = code & ((1 << magnitudeBits) - 1);
  const exponent = magnitude >>> format.mantissa;
  const fraction = (magnitude & ((1 << format.mantissa) - 1)) / (1 << format.mantissa);
  const topExponent = (1 << (magnitudeBits - format.mantissa)) - 1;
  if (format.specials === 'ieee' && exponent === topExponent) return fraction === 0 ? sign * Infinity : NaN;
  if (format.specials === 'nan-only' && magnitude === (1 << magnitudeBits) - 1) return NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - format.bias)
    : sign * (1 + fraction) * 2 ** (exponent - format.bias);
}

const smallTables = new Map<string, Float32Array>();

function smallTable(dtype: keyof typeof smallFormats | 'F8_E8M0'): Float32Array {
  const known = smallTables.get(dtype);
  if (known !== undefined) return known;
  const table = new Float32Array(1 << dtypeBits[dtype]);
  for (let code = 0; code < table.length; code += 1) {
    table[code] =
      dtype === 'F8_E8M0' ? (code === 255 ? NaN : 2 ** (code - 127)) : decodeSmall(smallFormats[dtype], code);
  }
  smallTables.set(dtype, table);
  return table;
}

/**
 * f32 values of `count` elements in `bytes` (little-endian; elements under a byte are packed from the lowest bit up).
 * I32, U32, I64, U64 and F64 are rounded to f32; C64 gives two values an element, real and imaginary.
 * @throws UsageError when `bytes` does not have exactly the bytes of `count` elements.
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array, count: number): Float32Array<ArrayBuffer> {
  const needed = Math.ceil((count * dtypeBits[dtype]) / 8);
  if (bytes.byteLength !== needed) {
    throw new UsageError(`${count} elements of ${dtype} take ${needed} bytes, given ${bytes.byteLength}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(dtype === 'C64' ? count * 2 : count);
  switch (dtype) {
    case 'F32':
    case 'C64':
      new Uint8Array(out.buffer).set(bytes);
      return out;
    case 'F16':
      return fillWidened(out, halves(bytes));
    case 'BF16':
      return fillUpperHalves(out, halves(bytes));
    case 'F64':
      return fill(out, (i) => view.getFloat64(i * 8, true));
    case 'I64':
      return fill(out, (i) => int64ToF32(view.getBigInt64(i * 8, true)));
    case 'U64':
      return fill(out, (i) => int64ToF32(view.getBigUint64(i * 8, true)));
    case 'I32':
      return fill(out, (i) => view.getInt32(i * 4, true));
    case 'U32':
      return fill(out, (i) => view.getUint32(i * 4, true));
    case 'I16':
      return fill(out, (i) => view.getInt16(i * 2, true));
    case 'U16':
      return fill(out, (i) => view.getUint16(i * 2, true));
    case 'I8':
      return fill(out, (i) => view.getInt8(i));
    case 'U8':
      return fill(out, (i) => view.getUint8(i));
    case 'BOOL':
      return fill(out, (i) => (view.getUint8(i) === 0 ? 0 : 1));
    default: {
      const table = smallTable(dtype);
      const width = dtypeBits[dtype];
      return fill(out, (i) => table[packedCode(bytes, i, width)] as number);
    }
  }
}

/** Little-endian bytes of `values` in a storage format, rounded to nearest even. */
export function fromFloat32(dtype: 'f32' | 'f16' | 'bf16', values: Float32Array): Uint8Array<ArrayBuffer> {
  if (dtype === 'f32') return new Uint8Array(values.slice().buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrowed = new Uint16Array(bits.length);
  const narrow = dtype === 'f16' ? f32BitsToF16 : f32BitsToBf16;
  for (let i = 0; i < bits.length; i += 1) narrowed[i] = narrow(bits[i] as number);
  return new Uint8Array(narrowed.buffer);
}

/** Aligned 16-bit words of the bytes; copies only when it must. */
function halves(bytes: Uint8Array): Uint16Array {
  if (bytes.byteOffset % 2 === 0) return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return new Uint16Array(bytes.slice().buffer);
}

/** The bits of every f16 as f32, made when they are first needed: looking one up takes a fraction of the time of computing it. */
let widened: Uint32Array | undefined;

/** From f16. Writes bits, not numbers, so that the payload of a NaN survives. */
function fillWidened(out: Float32Array<ArrayBuffer>, words: Uint16Array): Float32Array<ArrayBuffer> {
  widened ??= Uint32Array.from({ length: 65536 }, (_, bits) => f16BitsToF32Bits(bits));
  const table = widened;
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < words.length; i += 1) bits[i] = table[words[i] as number] as number;
  return out;
}

/** From bf16, whose bits are the upper half of an f32's. */
function fillUpperHalves(out: Float32Array<ArrayBuffer>, words: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < words.length; i += 1) bits[i] = (words[i] as number) << 16;
  return out;
}

function fill(out: Float32Array<ArrayBuffer>, at: (index: number) => number): Float32Array<ArrayBuffer> {
  for (let i = 0; i < out.length; i += 1) out[i] = at(i);
  return out;
}

function packedCode(bytes: Uint8Array, index: number, width: number): number {
  const bit = index * width;
  const byte = Math.floor(bit / 8);
  const pair = (bytes[byte] as number) | ((bytes[byte + 1] ?? 0) << 8);
  return (pair >>> (bit % 8)) & ((1 << width) - 1);
}

const exactDoubles = 1n << 53n;

/** Rounds once: through f64 an integer beyond 2^53 would be rounded twice, so its lost bits are kept as a sticky bit. */
function int64ToF32(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude < exactDoubles) return Math.fround(Number(value));
  const sticky = (magnitude & 0xfffn) === 0n ? 0n : 0x1000n;
  const rounded = Math.fround(Number((magnitude & ~0xfffn) | sticky));
  return value < 0n ? -rounded : rounded;
}
