import { describe, expect, it } from 'vitest';
import { activations, erf } from '../../src/compiler/oracle/activations.ts';

/** Values of the C library's `erf`. */
const erfTable: readonly (readonly [number, number])[] = [
  [1e-10, 1.1283791670955126e-10],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [2.5, 0.999593047982555],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [5, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [-0.7, -0.6778011938374184],
  [-3.3, -0.9999969422902035],
];

describe('erf', () => {
  it.each(erfTable)('of %f is within 1e-14', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(1e-14 * Math.max(Math.abs(expected), 1e-10));
  });

  it('is odd, and ±1 far out', () => {
    expect(erf(0)).toBe(0);
    expect(erf(40)).toBe(1);
    expect(erf(Number.NEGATIVE_INFINITY)).toBe(-1);
    expect(erf(Number.NaN)).toBeNaN();
    for (let x = 0.05; x < 7; x += 0.05) expect(erf(-x)).toBe(-erf(x));
  });

  it('rises without a jump where the series gives way to 1', () => {
    for (let x = 5.5; x < 6.5; x += 0.01) expect(erf(x + 0.01) - erf(x)).toBeLessThan(1e-13);
  });
});

/** Computed from the definitions with another language's C library. */
describe('activations', () => {
  it.each([
    ['silu', 1.5, 1.2263617142904655],
    ['gelu', 1.5, 1.399789198096713],
    ['gelu', -0.5, -0.15426876936299344],
    ['gelu_tanh', 1.5, 1.3995715769802328],
    ['relu', -2, 0],
    ['relu', 2, 2],
    ['relu2', 3, 9],
    ['relu2', -3, 0],
  ] as const)('%s of %f', (name, x, expected) => {
    expect(activations[name](x)).toBeCloseTo(expected, 13);
  });
});
