import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyBounds } from '../../src/compiler/expression/bounds.ts';
import { evaluate } from '../../src/compiler/expression/evaluate.ts';
import { specialize } from '../../src/compiler/expression/specialize.ts';
import { checkAttention } from '../frontend/helpers.ts';
import { environment } from './helpers.ts';

function maskOf(where: string) {
  const { shaped, diagnostics } = checkAttention(
    'hidden: 64',
    'q_heads: 4',
    `mask: { where: ${JSON.stringify(where)} }`,
  );
  const mask = shaped?.layers[0]?.attention.mask.where;
  if (mask === undefined) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('; '));
  return mask;
}

const found: readonly (readonly [where: string, bounds: KeyBounds])[] = [
  ['q - k < 128', { maxDistance: 127 }],
  ['128 > q - k', { maxDistance: 127 }],
  ['q - k < 128.0', { maxDistance: 127 }],
  ['is_memory | q - k < 128', { maxDistance: 127 }],
  ['!is_memory & q - k < 128', { maxDistance: 127 }],
  ['k <= q', { minDistance: 0 }],
  ['k < q', { minDistance: 1 }],
  ['q + 3 >= k', { minDistance: -3 }],
  ['k <= q & q - k < 7', { minDistance: 0, maxDistance: 6 }],
  ['!(k > q | q - k >= 7)', { minDistance: 0, maxDistance: 6 }],
  ['q - k == 4', { minDistance: 4, maxDistance: 4 }],
  ['abs(q - k) <= 5', { minDistance: -5, maxDistance: 5 }],
  ['abs(k - q) < 5 & k >= 10', { minDistance: -4, maxDistance: 4, firstKey: 10 }],
  ['3 * (q - k) < 20', { maxDistance: 6 }],
  ['k < 6', { lastKey: 5 }],
  ['2 * k > 9 & k <= 20', { firstKey: 5, lastKey: 20 }],
  ['q // 8 == k // 8', { minDistance: -7, maxDistance: 7 }],
  ['k // 8 < q // 8', { minDistance: 1 }],
  ['q - k < 4 * (h + 1)', { maxDistance: 15 }],
  ['q - k < 24 & (q - k) % 3 == 0', { maxDistance: 23 }],
  ['q - k < 5 | q - k < 9', { maxDistance: 8 }],
  ['q - k < 5 | k < 3', {}],
  ['k < 6 | k <= q', {}],
  ['q + k < 9', {}],
  ['q < 9', {}],
  ['true', {}],
  ['select(q < 5, k < 3, k < 9)', {}],
];

describe('bounds of conditions', () => {
  test.each(found)('%s', (where, bounds) => {
    expect(maskOf(where).bounds).toEqual(bounds);
  });
});

/** Conditions of every form, of positions up to 40. */
const position = fc.constantFrom('q', 'k', 'q - k', 'k - q', 'q + k', '2 * k', 'k * -3', '-q', 'h', 'k % 5', 'q // 4');
const integer = fc.oneof(
  position,
  fc.integer({ min: -20, max: 40 }).map(String),
  position.map((one) => `abs(${one})`),
  fc.tuple(position, fc.integer({ min: 1, max: 9 })).map(([one, by]) => `(${one}) // ${by}`),
  fc.tuple(position, fc.integer({ min: -9, max: 9 })).map(([one, by]) => `(${one}) + ${by}`.replace('+ -', '- ')),
);
const comparison = fc
  .tuple(integer, fc.constantFrom('<', '<=', '>', '>=', '==', '!='), integer)
  .map((parts) => parts.join(' '));
const condition = fc.letrec<{ one: string }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    comparison,
    comparison,
    fc.tuple(tie('one'), fc.constantFrom('&', '|'), tie('one')).map(([a, by, b]) => `(${a}) ${by} (${b})`),
    tie('one').map((one) => `!(${one})`),
    fc.constant('is_memory'),
  ),
})).one;

test('no key that a condition shows lies outside of its bounds', () => {
  fc.assert(
    fc.property(condition, (where) => {
      const { condition: typed, bounds } = maskOf(where);
      const { minDistance = -99, maxDistance = 99, firstKey = -99, lastKey = 99 } = bounds;
      const onSequence = specialize(typed, 'sequence');
      for (let q = 0; q < 40; q += 3) {
        for (let k = 0; k < 40; k++) {
          for (const h of [0, 3]) {
            const values = { q, k, h, is_memory: 0, is_zero: 0 };
            const shown = evaluate(typed, environment(values));
            expect(evaluate(onSequence, environment(values))).toBe(shown);
            const isWithin = q - k >= minDistance && q - k <= maxDistance && k >= firstKey && k <= lastKey;
            if (shown === 1 && !isWithin) throw new Error(`q ${q}, k ${k}: outside of ${JSON.stringify(bounds)}`);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
