import { describe, expect, it } from 'vitest';
import { type SampleOptions, sampleReference } from '../../src/compiler/oracle/sample.ts';

const defaults: SampleOptions = { temperature: 1, topK: 0, topP: 1, seed: 0, draw: 0 };

/** How often each token comes in many draws. */
function frequencies(logits: readonly number[], options: Partial<SampleOptions>, draws = 20_000): readonly number[] {
  const counts = logits.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    const { token } = sampleReference(logits, { ...defaults, ...options, draw });
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

const closeTo = (expected: readonly number[]) => expected.map((value) => expect.closeTo(value, 1.8));

describe('the sampling reference', () => {
  const logits = [0.5, 0.25, 0.125, 0.125].map(Math.log);

  it('is greedy at temperature 0, and takes the first of equals', () => {
    expect(sampleReference([1, 3, 3, 2], { ...defaults, temperature: 0 })).toEqual({
      token: 1,
      margin: Number.POSITIVE_INFINITY,
    });
  });

  it('draws by probability', () => {
    expect(frequencies(logits, {})).toEqual(closeTo([0.5, 0.25, 0.125, 0.125]));
    expect(frequencies(logits, { temperature: 0.5 })).toEqual(closeTo([16 / 22, 4 / 22, 1 / 22, 1 / 22]));
  });

  it('keeps the k largest, and what ties with the k-th', () => {
    expect(frequencies(logits, { topK: 2 })).toEqual(closeTo([2 / 3, 1 / 3, 0, 0]));
    expect(frequencies(logits, { topK: 3 })).toEqual(closeTo([0.5, 0.25, 0.125, 0.125]));
    expect(frequencies(logits, { topK: 2 }).slice(2)).toEqual([0, 0]);
  });

  it('keeps the smallest set of at least top_p of what top_k left', () => {
    expect(frequencies(logits, { topP: 0.6 }).slice(2)).toEqual([0, 0]);
    expect(frequencies(logits, { topP: 0.4 })).toEqual([1, 0, 0, 0]);
    expect(frequencies(logits, { topK: 2, topP: 0.66 })).toEqual([1, 0, 0, 0]);
  });

  it('says how close the decision was', () => {
    const { margin } = sampleReference(logits, { ...defaults, topP: 0.5 });
    expect(margin).toBeLessThan(1e-12);
    expect(sampleReference([0], defaults).margin).toBe(Number.POSITIVE_INFINITY);
  });

  it('draws differently for each seed, draw and sequence', () => {
    const many = Array.from({ length: 1000 }, () => 0);
    const tokens = [0, 1, 2, 3].flatMap((n) => [
      sampleReference(many, { ...defaults, seed: n }, 0).token,
      sampleReference(many, { ...defaults, draw: n + 1 }, 0).token,
      sampleReference(many, defaults, n + 1).token,
    ]);
    expect(new Set(tokens).size).toBeGreaterThan(8);
  });
});
