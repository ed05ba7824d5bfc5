import { describe, expect, it } from 'vitest';
import { roundTensor, roundToBf16, roundToF16 } from '../../src/compiler/oracle/rounding.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../src/runtime/abi1/floats.ts';

describe('rounding', () => {
  it('to f16: ties go to even, subnormals are kept, overflow is infinite', () => {
    expect(roundToF16(1 + 2 ** -11)).toBe(1);
    expect(roundToF16(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
    expect(roundToF16(2 ** -24)).toBe(2 ** -24);
    expect(roundToF16(2 ** -25)).toBe(0);
    expect(roundToF16(65519)).toBe(65504);
    expect(roundToF16(65520)).toBe(Number.POSITIVE_INFINITY);
    expect(roundToF16(-1e10)).toBe(Number.NEGATIVE_INFINITY);
    expect(roundToF16(-0)).toBe(-0);
    expect(roundToF16(Number.NaN)).toBeNaN();
  });

  it('to bf16: ties go to even', () => {
    expect(roundToBf16(1 + 2 ** -8)).toBe(1);
    expect(roundToBf16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
    expect(roundToBf16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
  });

  it('agrees with the bit converters of the runtime, which are written another way', () => {
    let seed = 1;
    for (let i = 0; i < 20000; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const x = (seed / 2 ** 31 - 1) * 2 ** ((i % 60) - 32);
      expect(roundToF16(x)).toBe(f16ToF32(f32ToF16(x)));
      expect(roundToBf16(x)).toBe(bf16ToF32(f32ToBf16(x)));
    }
  });

  it('of a tensor passes through f32', () => {
    expect([...roundTensor(Float64Array.of(0.1, 1), 'f32')]).toEqual([Math.fround(0.1), 1]);
    expect([...roundTensor(Float64Array.of(7), 'u32')]).toEqual([7]);
  });
});
