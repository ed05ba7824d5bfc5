import { describe, expect, it } from 'vitest';
import { quantizedValues } from '../../src/compiler/oracle/quantized-values.ts';
import { f16ToF32, f32ToF16 } from '../../src/runtime/abi1/floats.ts';
import { dequantize, quantize, quantizedBytes } from '../../src/runtime/abi1/quantize.ts';
import { randomNumbers, randomValues } from '../../src/verify/random.ts';

const forms = (['int8', 'int4'] as const).flatMap((dtype) => [32, 64, 128].map((group) => ({ dtype, group }) as const));

/** Groups of every size of weights that there is, subnormal scales included, and one of zeros. */
function weights(group: number): Float32Array<ArrayBuffer> {
  const next = randomNumbers(7);
  const sizes = [1, 0.02, 1e-3, 1e-5, 3e-7, 1e-9, 0, 4e4];
  return Float32Array.from(sizes.flatMap((size) => [...randomValues(group, next, size)]));
}

describe.each(forms)('$dtype in groups of $group', (form) => {
  const given = weights(form.group);
  const { codes, scales } = quantize(given, form);
  const read = dequantize({ codes, scales }, form);

  it('is what the reference reads', () => {
    const expected = quantizedValues(Float64Array.from(given), form);
    expect([...read].map((x) => x + 0)).toEqual([...expected].map((x) => x + 0));
  });

  it('is not changed by quantising again', () => {
    expect(quantize(read, form)).toEqual({ codes, scales });
  });

  it('is within half of its scale, but for the highest codes', () => {
    const half = form.dtype === 'int8' ? 128 : 8;
    for (const [at, value] of given.entries()) {
      const scale = Math.abs(f16ToF32(scales[Math.floor(at / form.group)] as number));
      const isClipped = Math.abs(value) > (half - 0.5) * scale;
      const allowed = isClipped ? scale + 2 ** -24 * half : 0.5 * scale;
      expect(Math.abs(value - (read[at] as number))).toBeLessThanOrEqual(allowed * (1 + 1e-6));
    }
  });

  it('has the size that a buffer has', () => {
    expect(quantizedBytes(given.length, form)).toBe(codes.byteLength + 16 * Math.ceil(scales.byteLength / 16));
    expect(quantizedBytes(5 * form.group, form)).toBe((codes.byteLength * 5) / scales.length + 16);
  });
});

it('the entry of largest magnitude becomes the lowest integer, of either sign', () => {
  const form = { dtype: 'int4', group: 32 } as const;
  for (const sign of [1, -1]) {
    const values = new Float32Array(32).fill(sign * 0.25).fill(sign * 2, 5, 6);
    const { codes, scales } = quantize(values, form);
    expect([...codes.slice(2, 4)]).toEqual([0x07, 0x77]);
    expect([...scales]).toEqual([f32ToF16(sign * -0.25)]);
  }
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e6])('refuses %s', (wrong) => {
  const values = new Float32Array(64).fill(0.5).fill(wrong, 40, 41);
  expect(() => quantize(values, { dtype: 'int4', group: 32 })).toThrow(/entries from 32 to 64 are not numbers/);
});
