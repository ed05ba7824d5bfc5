import { describe, expect, it } from 'vitest';
import type { AttentionNode } from '../../src/compiler/ir/nodes.ts';
import { attention, causal, type Given, run, unmasked } from './attention-node.ts';

/** One query of one head, its keys and values one number each: the weights of the columns can be read off. */
const row = (changes: Partial<Given> = {}): Given => ({
  tokens: 1,
  keys: 3,
  q: [1],
  k: [1, 2, 3],
  v: [1, 10, 100],
  ...changes,
});
const exp = Math.exp;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
/** Σ weight · value for logits of the columns. */
const mean = (logits: readonly number[], values: readonly number[]) =>
  sum(logits.map((logit, i) => exp(logit) * (values[i] ?? 0))) / sum(logits.map(exp));
const memory = { k: 'mk', v: 'mv' };

function expectClose(out: readonly number[], expected: readonly number[]): void {
  expect(out).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(out[i]).toBeCloseTo(value, 12);
}

describe('similarity', () => {
  it('l2 is minus the squared distance, of the zero key too', () => {
    const node = attention({ similarity: 'l2', scale: 0.5, columns: { zero: 1, memory: 0 } });
    expectClose(run(node, row()), [mean([-0.5, -0, -0.5, -2], [0, 1, 10, 100])]);
  });
});

describe('window', () => {
  const positions = { tokens: 3, keys: 4, q: [0, 0, 0], k: [0, 0, 0, 0], v: [1, 2, 4, 8] };

  it('leaves the last W keys, the own included', () => {
    expectClose(run(attention({ mask: { ...causal, window: 2 } }), positions), [1.5, 3, 6]);
  });

  it('without causal hides the past only', () => {
    expectClose(run(attention({ mask: { ...unmasked, window: 1 } }), positions), [14 / 3, 6, 8]);
  });

  it('shows memory always, or as if it stood before the first token', () => {
    const weights = { mk: [0, 0], mv: [16, 32] };
    const node = (memoryVisible: 'always' | 'windowed') =>
      attention({ mask: { ...causal, window: 3, memoryVisible }, columns: { zero: 1, memory: 2 }, memory });
    const input = { tokens: 4, keys: 4, q: [0, 0, 0, 0], k: [0, 0, 0, 0], v: [1, 2, 4, 8], weights };
    expectClose(run(node('always'), input), [49 / 4, 51 / 5, 55 / 6, 62 / 6]);
    // Memory stands at −2 and −1, the zero column at −3: the first query sees −2 … 0, the second −1 … 1.
    expectClose(run(node('windowed'), input), [49 / 3, 35 / 3, 7 / 3, 14 / 3]);
  });
});

describe('padding', () => {
  const input = { tokens: 3, keys: 3, q: [0, 0, 0], k: [0, 0, 0], v: [1, 2, 4], keyMask: [1, 0, 1] };
  const node = (padding: 'keys' | 'keys_and_queries') =>
    attention({ mask: { ...causal, padding }, keyMask: 'key_mask' });

  it('hides keys', () => {
    expectClose(run(node('keys'), input), [1, 1, 2.5]);
  });

  it('makes the rows of hidden queries zero', () => {
    expectClose(run(node('keys_and_queries'), input), [1, 0, 2.5]);
    // The first of four queries stands before the first of three keys: no entry of the mask is about it.
    const memory = { k: 'mk', v: 'mv' };
    const four = { ...input, tokens: 4, q: [0, 0, 0, 0], weights: { mk: [0], mv: [9] } };
    const columns = { zero: 0, memory: 1 } as const;
    expectClose(run({ ...node('keys_and_queries'), columns, memory }, four), [0, 5, 0, 14 / 3]);
    expectClose(run({ ...node('keys'), columns, memory }, four), [9, 5, 5, 14 / 3]);
  });

  it('gives zeros where nothing is left', () => {
    expectClose(run(node('keys'), { ...input, keyMask: [0, 0, 0] }), [0, 0, 0]);
    const sink = { ...node('keys'), sinks: 's' };
    expectClose(run(sink, { ...input, keyMask: [0, 0, 0], weights: { s: [1] } }), [0, 0, 0]);
  });
});

describe('sinks', () => {
  it('take part in the sum without a value, unscaled and uncapped', () => {
    const node = attention({ scale: 2, sinks: 's', softcap: { cap: 3, order: 'cap-bias' } });
    const logits = [2, 4, 6].map((x) => 3 * Math.tanh(x / 3));
    expectClose(run(node, row({ weights: { s: [5] } })), [mean([...logits, 5], [1, 10, 100, 0])]);
  });

  it('do nothing to a sigmoid', () => {
    const node = attention({ normalizer: { kind: 'sigmoid' } });
    const expected = sum([1, 2, 3].map((x, i) => 10 ** i / (1 + exp(-x))));
    expectClose(run({ ...node, sinks: 's' }, row({ weights: { s: [5] } })), [expected]);
    expectClose(run(node, row()), [expected]);
  });
});

describe('biases and softcap', () => {
  const alibi = { alibi: { kind: 'alibi', heads: 1, scale: 1 } } as const;
  const distances = [2, 1, 0].map((n) => -n / 256);

  it('cap first, or last', () => {
    const cap = (x: number) => 2 * Math.tanh(x / 2);
    const first = [1, 2, 3].map((x, i) => cap(x) + (distances[i] ?? 0));
    const last = [1, 2, 3].map((x, i) => cap(x + (distances[i] ?? 0)));
    expectClose(run(attention({ ...alibi, softcap: { cap: 2, order: 'cap-bias' } }), row()), [
      mean(first, [1, 10, 100]),
    ]);
    expectClose(run(attention({ ...alibi, softcap: { cap: 2, order: 'bias-cap' } }), row()), [
      mean(last, [1, 10, 100]),
    ]);
  });

  it('leave zero and memory columns alone, and heads beyond those of ALiBi', () => {
    const heads = { qHeads: 2, kvHeads: 1, queriesPerKv: 2, order: 'blocked' } as const;
    const node = attention({ ...alibi, heads, columns: { zero: 1, memory: 1 }, memory });
    const out = run(node, row({ q: [1, 1], weights: { mk: [2], mv: [1000] } }));
    const plain = [0, 2, 1, 2, 3];
    const biased = plain.map((x, i) => x + (distances[i - 2] ?? 0));
    expectClose(
      out,
      [biased, plain].map((logits) => mean(logits, [0, 1000, 1, 10, 100])),
    );
  });

  it('read T5 buckets of the distance', () => {
    const t5 = { kind: 't5', buckets: 4, maxDistance: 8, scale: 3, bidirectional: false, table: 't' } as const;
    const out = run(attention({ t5 }), row({ weights: { t: [0.1, 0.2, 0.3, 0.4] } }));
    expectClose(out, [mean([1 + 0.9, 2 + 0.6, 3 + 0.3], [1, 10, 100])]);
  });

  it('read a tensor of the caller, for each sequence and head or for all', () => {
    const heads = { qHeads: 2, kvHeads: 1, queriesPerKv: 2, order: 'blocked' } as const;
    const input = { batch: 2, tokens: 1, keys: 2, q: [0, 0, 0, 0], k: [0, 0, 0, 0], v: [1, 2, 4, 8] };
    const data = [0, 1, 2, 3, 4, 5, 6, 9];
    const biasOf = (perBatch: boolean, perHead: boolean) => ({ tensor: 'bias', perBatch, perHead });
    const each = attention({ heads, bias: biasOf(true, true) });
    const whole = { ...input, bias: { data, shape: [2, 2, 1, 2] } };
    expectClose(run(each, whole), [
      mean([0, 1], [1, 2]),
      mean([2, 3], [1, 2]),
      mean([4, 5], [4, 8]),
      mean([6, 9], [4, 8]),
    ]);
    const shared = attention({ heads, bias: biasOf(false, false) });
    const one = mean([0, 3], [1, 2]);
    const single = { ...input, bias: { data: [0, 3], shape: [1, 1, 1, 2] } };
    expectClose(run(shared, single), [one, one, 4 * one, 4 * one]);
    const short = { ...input, bias: { data: [0], shape: [1, 1, 1, 1] } };
    expect(() => run(shared, short)).toThrow('bias is [1, 1, 1, 1], query 0 and key 1 are not in it');
  });
});

describe('top-k', () => {
  const topk = (k: number, changes: Partial<AttentionNode> = {}) =>
    attention({ normalizer: { kind: 'topk', k }, ...changes });

  it('keeps the k largest logits', () => {
    expectClose(run(topk(2), row()), [mean([2, 3], [10, 100])]);
    expectClose(run(topk(9), row()), [mean([1, 2, 3], [1, 10, 100])]);
  });

  it('keeps all that are equal to the last', () => {
    expectClose(run(topk(2), row({ k: [2, 3, 2] })), [mean([2, 3, 2], [1, 10, 100])]);
  });

  it('lets memory, zero and sink compete', () => {
    const columns = { zero: 1, memory: 1 } as const;
    const weights = { mk: [2.5], mv: [1000], s: [2.75] };
    const node = topk(2, { columns, memory, sinks: 's' });
    expectClose(run(node, row({ weights })), [mean([3, 2.75], [100, 0])]);
    expectClose(run(topk(2, { columns, memory }), row({ weights })), [mean([3, 2.5], [100, 1000])]);
    expectClose(run(topk(2, { columns, memory }), row({ weights, q: [-1] })), [mean([0, -1], [0, 1])]);
  });

  it('drops the sink when it is too small', () => {
    expectClose(run(topk(3, { sinks: 's' }), row({ weights: { s: [0] } })), [mean([1, 2, 3], [1, 10, 100])]);
  });
});

describe('head mixing', () => {
  const heads = { qHeads: 2, kvHeads: 1, queriesPerKv: 2, order: 'blocked' } as const;
  const input = { tokens: 1, keys: 2, q: [1, 2], k: [0, 1], v: [1, 10] };
  const weights = { pre: [0, 1, 3, 0], post: [1, 2, 0, 1], scale: [1, 1, 0, 2] };
  const weight = (logit: number) => 1 / (1 + exp(-logit));

  it('pre adds W · s to the scores', () => {
    const node = attention({ heads, mixing: { pre: 'pre' } });
    expectClose(
      run(node, { ...input, weights }),
      [1 + 2, 2 + 3].map((s) => mean([0, s], [1, 10])),
    );
  });

  it('post mixes the weights', () => {
    const node = attention({ heads, mixing: { post: 'post' } });
    const [a, b] = [mean([0, 1], [1, 10]), mean([0, 2], [1, 10])];
    expectClose(run(node, { ...input, weights }), [a + 2 * b, b]);
  });

  it('pre_scale_post multiplies the weights with W · s of the scores before pre', () => {
    const alone = attention({ heads, mixing: { preScalePost: 'scale' } });
    expectClose(run(alone, { ...input, weights }), [10 * 3 * weight(1), 10 * 4 * weight(2)]);
    const all = attention({ heads, mixing: { pre: 'pre', post: 'post', preScalePost: 'scale' } });
    const [a, b] = [weight(3), weight(5)];
    expectClose(run(all, { ...input, weights }), [10 * 3 * (a + 2 * b), 10 * 4 * b]);
  });
});
