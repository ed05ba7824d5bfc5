import { describe, expect, it } from 'vitest';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { attention, causal, given, run } from './attention-node.ts';
import { moduleOf, values } from './module.ts';

describe('attention', () => {
  it('weighs values by the softmax of scaled logits', () => {
    const out = run(attention({ scale: Math.log(3) }), { tokens: 1, keys: 2, q: [1], k: [1, 0], v: [10, 2] });
    expect(out[0]).toBeCloseTo((3 * 10 + 1 * 2) / 4, 12);
  });

  it('is right-aligned when causal: the last query sees the last key', () => {
    const input = { tokens: 2, keys: 4, q: [0, 0], k: [0, 0, 0, 0], v: [1, 2, 3, 6] };
    expect(run(attention({ mask: causal }), input)).toEqual([2, 3]);
    expect(run(attention(), input)).toEqual([3, 3]);
  });

  it('gives zeros for a row that sees nothing', () => {
    const input = { tokens: 3, keys: 1, q: [1, 1, 1], k: [5], v: [7] };
    expect(run(attention({ mask: causal }), input)).toEqual([0, 0, 7]);
  });

  it('stays finite for logits of ±1e4', () => {
    const out = run(attention({ scale: 1e4 }), { tokens: 1, keys: 2, q: [1], k: [1, -1], v: [2, 4] });
    expect(out).toEqual([2]);
  });

  it.each([
    ['blocked', [1, 1, 2, 2]],
    ['interleaved', [1, 2, 1, 2]],
  ] as const)('reads KV heads in %s order', (order, expected) => {
    const heads = { qHeads: 4, kvHeads: 2, queriesPerKv: 2, order };
    const out = run(attention({ heads }), { tokens: 1, keys: 1, q: [1, 1, 1, 1], k: [0, 0], v: [1, 2] });
    expect(out).toEqual(expected);
  });

  it('shows memory to every query, and the zero column takes weight without a value', () => {
    const node = attention({ mask: causal, columns: { zero: 1, memory: 1 }, memory: { k: 'mk', v: 'mv' } });
    const module = moduleOf([node], given, { mk: [1, 1, 1], mv: [1, 1, 1] });
    const weights = new Map([
      ['mk', [0]],
      ['mv', [6]],
    ]);
    const zero = { data: [0, 0], shape: [1, 2, 1, 1] };
    const inputs = new Map([
      ['q', zero],
      ['k', zero],
      ['v', { data: [3, 9], shape: [1, 2, 1, 1] }],
    ]);
    const out = createOracle(module, weights, { batch: 1, capacity: 0 }).forward({ inputs }).get('out')?.data ?? [];
    expect(out[0]).toBeCloseTo((0 + 6 + 3) / 3, 12);
    expect(out[1]).toBeCloseTo((0 + 6 + 3 + 9) / 4, 12);
  });

  it('ignores the padding of a ragged batch, and leaves its rows zero', () => {
    const node = attention({ mask: causal });
    const short = run(node, { tokens: 1, keys: 2, q: [0.5], k: [0.1, 0.2], v: [3, 4] });
    const input = {
      batch: 2,
      tokens: 2,
      keys: 3,
      q: [1, 1, 0.5, Number.NaN],
      k: [1, 2, 3, 0.1, 0.2, Number.NaN],
      v: [1, 2, 3, 3, 4, Number.NaN],
    };
    const out = run(node, input, { counts: [2, 1], keyCounts: [3, 2] });
    expect(out[2]).toBe(short[0]);
    expect(out[3]).toBe(0);
  });

  it('keeps wider values apart from keys', () => {
    const node = attention({ headDim: 2, valueDim: 3 });
    const out = run(node, { tokens: 1, keys: 1, q: [...values(2)], k: [...values(2, 2)], v: [4, 5, 6] });
    expect(out).toEqual([4, 5, 6]);
  });
});
