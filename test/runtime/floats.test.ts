import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bf16ToF32,
  type Dtype,
  dtypeBits,
  f16ToF32,
  f32Bits,
  f32FromBits,
  f32ToBf16,
  f32ToF16,
  fromFloat32,
  toFloat32,
} from '../../src/runtime/abi1/floats.ts';

/** The definition of binary16, in f64 arithmetic; independent of the bit tricks under test. */
function f16ByDefinition(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(bits / 1024) % 32;
  const fraction = (bits % 1024) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** Rounding by search: the nearest representable value, the even code at a tie. `top` is the code of infinity. */
function nearest(value: number, top: number, decode: (code: number) => number): number {
  const magnitude = Math.abs(value);
  let low = 0;
  let high = top;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (decode(middle) <= magnitude) low = middle;
    else high = middle;
  }
  // Infinity takes the place of the power of two that would come next.
  const above = high === top ? 2 * decode(top - 1) - decode(top - 2) : decode(high);
  if (magnitude >= above) return high;
  const fromLow = magnitude - decode(low);
  const toHigh = above - magnitude;
  if (fromLow === toHigh) return low % 2 === 0 ? low : high;
  return fromLow < toHigh ? low : high;
}

describe('f16', () => {
  it('widens and narrows all 65,536 patterns', () => {
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const value = f16ToF32(bits);
      const expected = f16ByDefinition(bits);
      if (!Object.is(value, expected)) expect.fail(`0x${bits.toString(16)}: ${value}, expected ${expected}`);
      const back = f32ToF16(value);
      const same = Number.isNaN(value) ? (back & 0x7c00) === 0x7c00 && (back & 0x3ff) !== 0 : back === bits;
      if (!same) expect.fail(`0x${bits.toString(16)} came back as 0x${back.toString(16)}`);
    }
  });

  it('rounds every midpoint to even, and its neighbours to their side', () => {
    for (let code = 0; code < 0x7c00; code += 1) {
      const above = code === 0x7bff ? 65536 : f16ByDefinition(code + 1);
      const midpoint = (f16ByDefinition(code) + above) / 2;
      const even = code % 2 === 0 ? code : code + 1;
      const bits = f32Bits(midpoint);
      const results = [f32ToF16(f32FromBits(bits - 1)), f32ToF16(midpoint), f32ToF16(f32FromBits(bits + 1))];
      if (results.join() !== [code, even, code + 1].join()) expect.fail(`around ${midpoint}: ${results}`);
      if (f32ToF16(-midpoint) !== (even | 0x8000)) expect.fail(`at ${-midpoint}`);
    }
  });

  it('agrees with a search for the nearest value on random f32', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        const code = nearest(value, 0x7c00, f16ByDefinition);
        expect(f32ToF16(value)).toBe(Object.is(value, -0) || value < 0 ? code | 0x8000 : code);
      }),
      { numRuns: 3000, examples: [[65504], [65519.99609375], [65520], [-0], [2 ** -25], [2 ** -24], [Infinity]] },
    );
  });
});

describe('bf16', () => {
  it('widens and narrows all 65,536 patterns', () => {
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const value = bf16ToF32(bits);
      const back = f32ToBf16(value);
      if (Number.isNaN(value) ? !Number.isNaN(bf16ToF32(back)) : back !== bits) expect.fail(`0x${bits.toString(16)}`);
    }
  });

  it('rounds to nearest even, to infinity beyond the largest', () => {
    expect(f32ToBf16(f32FromBits(0x3f808000))).toBe(0x3f80);
    expect(f32ToBf16(f32FromBits(0x3f818000))).toBe(0x3f82);
    expect(f32ToBf16(f32FromBits(0x3f808001))).toBe(0x3f81);
    expect(f32ToBf16(3.4028234663852886e38)).toBe(0x7f80);
    expect(Number.isNaN(bf16ToF32(f32ToBf16(f32FromBits(0x7f800001))))).toBe(true);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const code = nearest(value, 0x7f80, bf16ToF32);
        expect(f32ToBf16(value) & 0x7fff).toBe(code);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('toFloat32', () => {
  const decode = (dtype: Dtype, ...bytes: number[]) =>
    Array.from(toFloat32(dtype, Uint8Array.from(bytes), Math.floor((bytes.length * 8) / dtypeBits[dtype])));

  it('reads the 8-bit floats of OCP FP8', () => {
    expect(decode('F8_E4M3', 0x38, 0xb8, 0x7e, 0x7f, 0x01, 0x08, 0x00)).toEqual([1, -1, 448, NaN, 2 ** -9, 2 ** -6, 0]);
    expect(decode('F8_E5M2', 0x3c, 0x7b, 0x7c, 0xfc, 0x7d, 0x01)).toEqual([
      1,
      57344,
      Infinity,
      -Infinity,
      NaN,
      2 ** -16,
    ]);
    expect(decode('F8_E8M0', 127, 128, 0, 254, 255)).toEqual([1, 2, 2 ** -127, 2 ** 127, NaN]);
    // E5M2 is the upper byte of binary16.
    for (let code = 0; code < 256; code += 1) expect(decode('F8_E5M2', code)[0]).toEqual(f16ByDefinition(code << 8));
  });

  it('reads packed 4- and 6-bit floats from the lowest bit up', () => {
    const f4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    expect(decode('F4', 0x10, 0x32, 0x54, 0x76)).toEqual(f4);
    expect(decode('F4', 0x98, 0xfe)).toEqual([-0, -0.5, -4, -6]);
    const pack6 = (codes: number[]) => {
      const word = codes.reduce((sum, code, i) => sum + code * 2 ** (6 * i), 0);
      return [word & 255, (word >>> 8) & 255, (word >>> 16) & 255];
    };
    expect(decode('F6_E2M3', ...pack6([0b011111, 0b001000, 0b000001, 0b111111]))).toEqual([7.5, 1, 0.125, -7.5]);
    expect(decode('F6_E3M2', ...pack6([0b011111, 0b001100, 0b000001, 0b100100]))).toEqual([28, 1, 0.0625, -0.25]);
  });

  it('reads integers, bool, f64 and complex', () => {
    expect(decode('BOOL', 0, 1, 2)).toEqual([0, 1, 1]);
    expect(decode('U8', 255)).toEqual([255]);
    expect(decode('I8', 255, 128)).toEqual([-1, -128]);
    expect(decode('I16', 0xfe, 0xff)).toEqual([-2]);
    expect(decode('U16', 0xfe, 0xff)).toEqual([65534]);
    expect(decode('I32', 0xff, 0xff, 0xff, 0xff)).toEqual([-1]);
    expect(decode('U32', 0xff, 0xff, 0xff, 0xff)).toEqual([2 ** 32]);
    const words = (values: bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);
    expect(Array.from(toFloat32('I64', words([-5n, 2n ** 62n]), 2))).toEqual([-5, 2 ** 62]);
    // Just above a tie of f32, but within half an ulp of f64: rounding twice would give 2^60.
    expect(toFloat32('I64', words([2n ** 60n + 2n ** 36n + 1n]), 1)[0]).toBe(2 ** 60 + 2 ** 37);
    expect(toFloat32('I64', words([2n ** 60n + 2n ** 36n]), 1)[0]).toBe(2 ** 60);
    expect(toFloat32('U64', words([-1n]), 1)[0]).toBe(2 ** 64);
    expect(Array.from(toFloat32('F64', new Uint8Array(Float64Array.of(0.1, -2).buffer), 2))).toEqual([
      Math.fround(0.1),
      -2,
    ]);
    expect(Array.from(toFloat32('C64', new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), 2))).toEqual([1, 2, 3, 4]);
  });

  it('takes bytes at any alignment, and refuses the wrong number of them', () => {
    const shifted = (dtype: 'f32' | 'f16' | 'bf16') => {
      const bytes = fromFloat32(dtype, Float32Array.of(1.5, -2));
      const padded = new Uint8Array(bytes.length + 1);
      padded.set(bytes, 1);
      return padded.subarray(1);
    };
    expect(Array.from(toFloat32('F32', shifted('f32'), 2))).toEqual([1.5, -2]);
    expect(Array.from(toFloat32('F16', shifted('f16'), 2))).toEqual([1.5, -2]);
    expect(Array.from(toFloat32('BF16', shifted('bf16'), 2))).toEqual([1.5, -2]);
    expect(() => toFloat32('F32', new Uint8Array(7), 2)).toThrow('2 elements of F32 take 8 bytes, given 7');
  });

  it('round trips f32 in bulk, NaN payloads included', () => {
    const values = new Float32Array(Uint32Array.of(0x7fc00123, 0x80000001, 0x3f800000).buffer);
    const back = toFloat32('F32', fromFloat32('f32', values), 3);
    expect(new Uint32Array(back.buffer)).toEqual(new Uint32Array(values.buffer));
  });
});
