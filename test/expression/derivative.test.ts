import { describe, expect, test } from 'vitest';
import { derivativeByLogit, derivativesByParameter } from '../../src/compiler/expression/derivative.ts';
import { evaluate } from '../../src/compiler/expression/evaluate.ts';
import { environment, typed } from './helpers.ts';

const declared = 'parameters: { slope: { axes: [h] }, table: { axes: [kv, 5] }, width: {} }';
const parameters = {
  slope: Array.from({ length: 8 }, (_, i) => 0.3 * i - 1),
  table: Array.from({ length: 10 }, (_, i) => Math.sin(i + 1)),
  width: [1.7],
};

const scores = [
  's',
  '3',
  'softcap(s, 2)',
  'softcap(s, width) - alibi_slope(h) * (q - k)',
  'softcap(s * slope[h], exp(width))',
  's * s / (1 + s * s)',
  '-s / width + width / (2 + slope[h])',
  'tanh(s) * sqrt(1 + s * s) - log(2 + exp(s))',
  'select(q - k < 3, s * width, -s)',
  'select(s > 0.2, s * s, 3 * s)',
  'max(s, width) + min(s * 2, slope[h])',
  'clamp(s, -0.4, width)',
  'clamp(width, s, slope[h] + 5)',
  'abs(s - 1) * abs(width)',
  'floor(s * 7) + s',
  'table[kv, clamp(q - k, 0, 4)] * s + table[kv, 0] * table[kv, 1] + table[0, 1]',
];

const places = [-1.3, -0.35, 0.15, 0.8, 2.6].flatMap((s) => [
  { s, q: 9, k: 8, h: 2, kv: 0 },
  { s, q: 9, k: 2, h: 7, kv: 1 },
]);

const step = 1e-6;
const slopeOf = (at: (x: number) => number, x: number) => (at(x + step) - at(x - step)) / (2 * step);

describe.each(scores)('%s', (text) => {
  const score = typed('score', text, declared);

  test('by the logit', () => {
    const derivative = derivativeByLogit(score);
    for (const place of places) {
      const numeric = slopeOf((s) => evaluate(score, environment({ ...place, s }, parameters)), place.s);
      expect(evaluate(derivative, environment(place, parameters))).toBeCloseTo(numeric, 7);
    }
  });

  test.each(['slope', 'table', 'width'] as const)('by %s, entry by entry', (name) => {
    const terms = derivativesByParameter(score, name);
    expect(terms.length > 0).toBe(text.replaceAll('alibi_slope', '').includes(name));
    for (const place of places) {
      const at = environment(place, parameters);
      const gradient = parameters[name].map(() => 0);
      for (const { indices, value } of terms) {
        const [first = 0, second = 0] = indices.map((index) => evaluate(index, at));
        const entry = name === 'table' ? first * 5 + second : first;
        gradient[entry] = (gradient[entry] ?? Number.NaN) + evaluate(value, at);
      }
      const numeric = parameters[name].map((own, entry) =>
        slopeOf((x) => {
          const changed = parameters[name].map((value, other) => (other === entry ? x : value));
          return evaluate(score, environment(place, { ...parameters, [name]: changed }));
        }, own),
      );
      for (const [entry, expected] of numeric.entries()) expect(gradient[entry]).toBeCloseTo(expected, 7);
    }
  });
});

test('what does not vary has no derivative, and terms that are zero are left out', () => {
  expect(derivativeByLogit(typed('score', 'q - k'))).toEqual({ kind: 'number', type: 'f32', value: 0 });
  expect(derivativeByLogit(typed('score', 's - alibi_slope(h) * (q - k)'))).toMatchObject({ kind: 'number', value: 1 });
});
