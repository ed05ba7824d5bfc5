import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  ceilDiv,
  constantOf,
  type Dim,
  dim,
  equals,
  evaluate,
  floorDiv,
  mul,
  print,
  sub,
  symbolsOf,
} from '../../src/compiler/check/dims.ts';

const names = ['B', 'I', 'J'] as const;

/** A dimension together with what it should be worth. */
interface Checked {
  readonly dim: Dim;
  readonly value: (bindings: Readonly<Record<string, number>>) => number;
}

const { expression } = fc.letrec<{ expression: Checked }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: -20, max: 20 }).map((value): Checked => ({ dim: dim(value), value: () => value })),
    fc
      .constantFrom(...names)
      .map((name): Checked => ({ dim: dim(name), value: (bindings) => bindings[name] ?? Number.NaN })),
    fc
      .tuple(tie('expression'), tie('expression'))
      .map(([a, b]): Checked => ({ dim: add(a.dim, b.dim), value: (x) => a.value(x) + b.value(x) })),
    fc
      .tuple(tie('expression'), tie('expression'))
      .map(([a, b]): Checked => ({ dim: mul(a.dim, b.dim), value: (x) => a.value(x) * b.value(x) })),
    fc
      .tuple(tie('expression'), fc.integer({ min: 1, max: 9 }))
      .map(([a, d]): Checked => ({ dim: floorDiv(a.dim, d), value: (x) => Math.floor(a.value(x) / d) })),
    fc
      .tuple(tie('expression'), fc.integer({ min: 1, max: 9 }))
      .map(([a, d]): Checked => ({ dim: ceilDiv(a.dim, d), value: (x) => Math.ceil(a.value(x) / d) })),
  ),
}));

const bindings = fc.record({
  B: fc.integer({ min: 1, max: 9 }),
  I: fc.integer({ min: 1, max: 70 }),
  J: fc.integer({ min: 1, max: 70 }),
});

describe('dimensions', () => {
  test('the normal form is worth what was written', () => {
    fc.assert(fc.property(expression, bindings, ({ dim: form, value }, at) => evaluate(form, at) === value(at) + 0));
  });

  test('sums and products do not depend on order or grouping', () => {
    fc.assert(
      fc.property(expression, expression, expression, (a, b, c) => {
        expect(equals(add(a.dim, b.dim), add(b.dim, a.dim))).toBe(true);
        expect(equals(mul(a.dim, b.dim), mul(b.dim, a.dim))).toBe(true);
        expect(equals(mul(a.dim, add(b.dim, c.dim)), add(mul(a.dim, b.dim), mul(a.dim, c.dim)))).toBe(true);
        expect(equals(sub(a.dim, a.dim), 0)).toBe(true);
      }),
    );
  });

  test('whole multiples leave a division', () => {
    fc.assert(
      fc.property(expression, expression, fc.integer({ min: 1, max: 9 }), (a, b, d) =>
        equals(floorDiv(add(mul(a.dim, d), b.dim), d), add(a.dim, floorDiv(b.dim, d))),
      ),
    );
  });

  test('equal forms are equal everywhere', () => {
    fc.assert(
      fc.property(expression, expression, bindings, (a, b, at) => {
        if (equals(a.dim, b.dim)) expect(evaluate(a.dim, at)).toBe(evaluate(b.dim, at));
      }),
    );
  });

  test('ceilDiv and floorDiv share a normal form', () => {
    expect(equals(ceilDiv('I', 64), floorDiv(add('I', 63), 64))).toBe(true);
    expect(equals(ceilDiv(mul('B', 128), 64), mul('B', 2))).toBe(true);
    expect(equals(ceilDiv('I', 64), floorDiv('I', 64))).toBe(false);
    expect(equals(floorDiv('I', 'I'), 1)).toBe(true);
    expect(evaluate(ceilDiv('I', 'J'), { I: 10, J: 4 })).toBe(3);
  });

  test('are printed as formulas', () => {
    expect(print(mul('B', 'I', 192))).toBe('B * I * 192');
    expect(print(ceilDiv('I', 64))).toBe('ceilDiv(I, 64)');
    expect(print(ceilDiv(add('I', 8), 64))).toBe('floorDiv(I + 7, 64) + 1');
    expect(print(floorDiv('I', 64))).toBe('floorDiv(I, 64)');
    expect(print(sub(3, 'J'))).toBe('-J + 3');
    expect(print(0)).toBe('0');
  });

  test('know their constants and names', () => {
    expect(constantOf(mul(3, 4))).toBe(12);
    expect(constantOf(sub('B', 'B'))).toBe(0);
    expect(constantOf('B')).toBeUndefined();
    expect(symbolsOf(add(ceilDiv('I', 'C'), 'B'))).toEqual(['B', 'C', 'I']);
  });

  test('refuse what has no value', () => {
    expect(() => floorDiv('I', 0)).toThrow(RangeError);
    expect(() => evaluate('I', {})).toThrow('no value for extent I');
    expect(() => evaluate('toString', {})).toThrow(RangeError);
    expect(() => evaluate(mul('I', 'I'), { I: 2 ** 27 })).toThrow(RangeError);
    expect(() => dim(0.5)).toThrow(RangeError);
    expect(() => mul(2 ** 30, 2 ** 30)).toThrow(RangeError);
  });
});
