import { describe, expect, it } from 'vitest';
import type { EmbedNode, LinearNode, Node, NormNode } from '../../src/compiler/ir/nodes.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { sinusoidTable } from '../../src/runtime/abi1/sinusoid-table.ts';
import { moduleOf, values } from './module.ts';

const block = { inputs: ['hidden_in'], outputs: ['out'] };

function runRow(node: Node, row: readonly number[], weights: Readonly<Record<string, readonly number[]>> = {}) {
  const shapes = Object.fromEntries(Object.entries(weights).map(([name, data]) => [name, [data.length]]));
  const oracle = createOracle(moduleOf([node], block, shapes), new Map(Object.entries(weights)), {
    batch: 1,
    capacity: 8,
  });
  const inputs = new Map([['hidden_in', { data: row, shape: [1, 1, row.length] }]]);
  return [...(oracle.forward({ inputs }).get('out')?.data ?? [])];
}

const norm = (changes: Partial<NormNode>): NormNode => ({
  op: 'norm',
  width: 2,
  kind: 'rms',
  eps: 0,
  unitOffset: false,
  x: 'hidden_in',
  weight: 'w',
  accumulate: false,
  out: 'out',
  ...changes,
});

describe('norm', () => {
  it('rms divides by the root of the mean square plus eps', () => {
    const out = runRow(norm({ eps: 3.5 }), [3, 4], { w: [1, 2] });
    expect(out[0]).toBeCloseTo(3 / 4, 14);
    expect(out[1]).toBeCloseTo((4 / 4) * 2, 14);
  });

  it('layer subtracts the mean, uses the biased variance, and adds the bias', () => {
    const out = runRow(norm({ kind: 'layer', unitOffset: true, bias: 'b' }), [1, 5], { w: [0, 1], b: [10, 20] });
    expect(out).toEqual([9, 22]);
  });

  it('has γ = 1 without a weight', () => {
    const { weight, ...bare } = norm({ eps: 3.5 });
    expect(weight).toBe('w');
    expect(runRow(bare, [3, 4], {})).toEqual([3 / 4, 1]);
  });

  it('of zeros with eps 0 is zero', () => {
    expect(runRow(norm({}), [0, 0], { w: [1, 1] })).toEqual([0, 0]);
  });
});

describe('linear', () => {
  it('multiplies the activated gate with the value, with biases', () => {
    const node: Node = {
      op: 'linear',
      x: 'hidden_in',
      inWidth: 2,
      outWidth: 1,
      weight: 'up',
      bias: 'upBias',
      gate: { weight: 'gate', bias: 'gateBias' },
      activation: 'relu',
      accumulate: false,
      logits: false,
      out: 'out',
    };
    const weights = { up: [1, 2], upBias: [0.5], gate: [3, -1], gateBias: [1] };
    expect(runRow(node, [1, 2], weights)).toEqual([(3 - 2 + 1) * (1 + 4 + 0.5)]);
    expect(runRow(node, [-1, 2], weights)).toEqual([0]);
  });
});

describe('what a linear node does last', () => {
  const linear = (changes: Partial<LinearNode>): LinearNode => ({
    op: 'linear',
    x: 'hidden_in',
    inWidth: 1,
    outWidth: 2,
    weight: 'w',
    accumulate: false,
    logits: false,
    out: 'out',
    ...changes,
  });

  it('clips, then scales', () => {
    expect(runRow(linear({ clip: 2, scale: 3 }), [1], { w: [5, -0.5] })).toEqual([6, -1.5]);
  });

  it('scales, then caps softly', () => {
    const out = runRow(linear({ scale: 0.5, softcap: 3 }), [1], { w: [4, -20] });
    expect(out[0]).toBeCloseTo(3 * Math.tanh(2 / 3), 14);
    expect(out[1]).toBeCloseTo(-3 * Math.tanh(10 / 3), 14);
  });
});

describe('query heads', () => {
  const turn = (pairing: 'half' | 'interleaved', row: readonly number[], dim: number) => {
    const rotation = { dim, base: 100, pairing, table: 'unused', firstHead: 0 } as const;
    const node: Node = {
      op: 'query_heads',
      x: 'hidden_in',
      heads: 1,
      headDim: row.length,
      norms: [],
      rotation,
      out: 'out',
    };
    const oracle = createOracle(moduleOf([node], block), new Map(), { batch: 1, capacity: 0 });
    const inputs = new Map([['hidden_in', { data: [...row, ...row], shape: [1, 2, row.length] }]]);
    // Given keys set the position of a module without a cache: past = 0 here.
    return [...(oracle.forward({ inputs, keyCounts: [2] }).get('out')?.data ?? [])];
  };
  const [c0, s0, c1, s1] = [Math.cos(1), Math.sin(1), Math.cos(0.1), Math.sin(0.1)];

  it('turns halves', () => {
    const out = turn('half', [1, 2, 3, 4, 5], 4);
    expect(out.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
    const expected = [c0 - 3 * s0, 2 * c1 - 4 * s1, 3 * c0 + s0, 4 * c1 + 2 * s1, 5];
    for (const [i, value] of expected.entries()) expect(out[5 + i]).toBeCloseTo(value, 14);
  });

  it('turns neighbours', () => {
    const out = turn('interleaved', [1, 2, 3, 4, 5], 4);
    const expected = [c0 - 2 * s0, 2 * c0 + s0, 3 * c1 - 4 * s1, 4 * c1 + 3 * s1, 5];
    for (const [i, value] of expected.entries()) expect(out[5 + i]).toBeCloseTo(value, 14);
  });

  it('normalises groups by length, and whole heads by root mean square with γ', () => {
    const l2 = { kind: 'l2', eps: 1e-12, groups: 2, unitOffset: false, weight: 'none' } as const;
    const node: Node = { op: 'query_heads', x: 'hidden_in', heads: 1, headDim: 4, norms: [l2], out: 'out' };
    const out = runRow(node, [3, 4, 0, -2]);
    for (const [i, value] of [0.6, 0.8, 0, -1].entries()) expect(out[i]).toBeCloseTo(value, 14);
    const rms = { kind: 'rms', eps: 0, groups: 1, unitOffset: true, weight: 'shared', tensor: 'g' } as const;
    const scaled = runRow({ ...node, headDim: 2, norms: [rms] }, [3, 3], { g: [1, 2] });
    for (const [i, value] of [2, 3].entries()) expect(scaled[i]).toBeCloseTo(value, 14);
  });
});

describe('a cached module', () => {
  const heads = { qHeads: 2, kvHeads: 1, queriesPerKv: 2, order: 'blocked' } as const;
  const rotation = { dim: 4, base: 10000, pairing: 'half', table: 'unused', firstHead: 0 } as const;
  const project = (name: string, outWidth: number): Node => ({
    op: 'linear',
    x: 'hidden_in',
    inWidth: 3,
    outWidth,
    weight: name,
    accumulate: false,
    logits: false,
    out: `${name}_proj`,
  });
  const nodes: readonly Node[] = [
    project('wq', 8),
    project('wk', 4),
    project('wv', 4),
    { op: 'query_heads', x: 'wq_proj', heads: 2, headDim: 4, norms: [], rotation, out: 'q' },
    {
      op: 'append',
      k: 'wk_proj',
      v: 'wv_proj',
      kvHeads: 1,
      headDim: 4,
      valueDim: 4,
      norms: [],
      rotation,
      kCache: 'cache.k',
      vCache: 'cache.v',
      cacheDtype: 'f16',
    },
    {
      op: 'attention',
      q: 'q',
      k: 'cache.k',
      v: 'cache.v',
      keyLayout: 'heads-first',
      keyDtype: 'f16',
      columns: { zero: 0, memory: 0 },
      parameters: [],
      heads,
      headDim: 4,
      valueDim: 4,
      similarity: 'dot',
      scale: 0.5,
      cross: false,
      mask: { causal: true, documents: false, memoryVisible: 'always', padding: 'none' },
      mixing: {},
      normalizer: { kind: 'softmax' },
      out: 'out',
    },
  ];
  const module = moduleOf(nodes, block, { wq: [8, 3], wk: [4, 3], wv: [4, 3] });
  const weights = new Map([
    ['wq', values(24, 1)],
    ['wk', values(12, 2)],
    ['wv', values(12, 3)],
  ]);
  const tokens = values(5 * 3, 4);
  const input = (from: number, to: number) =>
    new Map([['hidden_in', { data: tokens.subarray(from * 3, to * 3), shape: [1, to - from, 3] }]]);
  const outOf = (oracle: ReturnType<typeof createOracle>, from: number, to: number) => [
    ...(oracle.forward({ inputs: input(from, to) }).get('out')?.data ?? []),
  ];

  it('gives the same rows at once, in chunks, and token by token', () => {
    const whole = outOf(createOracle(module, weights, { batch: 1, capacity: 5 }), 0, 5);
    const chunked = createOracle(module, weights, { batch: 1, capacity: 9 });
    expect([...outOf(chunked, 0, 2), ...outOf(chunked, 2, 3), ...outOf(chunked, 3, 5)]).toEqual(whole);
    expect(chunked.past()).toEqual([5]);
    chunked.reset();
    expect(outOf(chunked, 0, 5)).toEqual(whole);
  });

  it('gives each sequence of a ragged batch what it has alone', () => {
    const alone = outOf(createOracle(module, weights, { batch: 1, capacity: 5 }), 0, 2);
    const pair = createOracle(module, weights, { batch: 2, capacity: 5 });
    const data = [...tokens.subarray(0, 12), ...tokens.subarray(0, 6), ...new Array<number>(6).fill(Number.NaN)];
    const inputs = new Map([['hidden_in', { data, shape: [2, 4, 3] }]]);
    const out = pair.forward({ inputs, counts: [4, 2] }).get('out')?.data ?? new Float64Array();
    expect([...out.subarray(32, 48)]).toEqual(alone);
    expect([...out.subarray(48)]).toEqual(new Array(16).fill(0));
    expect(pair.past()).toEqual([4, 2]);
  });

  it('refuses more tokens than the cache holds', () => {
    const oracle = createOracle(module, weights, { batch: 1, capacity: 4 });
    expect(() => outOf(oracle, 0, 5)).toThrow('position 4 does not fit into a cache of 4 tokens');
  });

  it('rounds weights and cache to their dtypes when asked to', () => {
    const rounded = createOracle(module, weights, { batch: 1, capacity: 5, storage: 'rounded' });
    const seen: number[] = [];
    rounded.forward({
      inputs: input(0, 5),
      onNode: (node, tensors) => {
        if (node.op === 'append') seen.push(...(tensors.get('cache.k')?.data ?? []));
      },
    });
    expect(seen).toHaveLength(20);
    for (const value of seen) expect(Math.abs(value * 2 ** 24) % 1).toBe(0);
    const exact = outOf(createOracle(module, weights, { batch: 1, capacity: 5 }), 0, 5);
    rounded.reset();
    const differences = outOf(rounded, 0, 5).map((value, i) => Math.abs(value - (exact[i] ?? 0)));
    expect(Math.max(...differences)).toBeGreaterThan(0);
    expect(Math.max(...differences)).toBeLessThan(2e-3);
  });

  it('names a weight that is missing or has the wrong size', async () => {
    expect(() => createOracle(module, new Map(), { batch: 1, capacity: 1 })).toThrow('weight wq is missing');
    await expect(gatherWeights(module, () => ({ data: [1], shape: [1] }))).rejects.toThrow(
      'wq has 1 values, wq [8, 3] needs 24',
    );
  });
});

describe('embed', () => {
  const node: EmbedNode = {
    op: 'embed',
    width: 2,
    tokens: { ids: 'ids', table: 'table', scale: 2 },
    positions: { table: 'positions', scale: 0.5, offset: 0 },
    out: 'logits',
  };
  const module = moduleOf([node], { inputs: ['ids'], outputs: ['logits'] }, { table: [3, 2], positions: [4, 2] });
  const weights = new Map([
    ['table', [1, 2, 3, 4, 5, 6]],
    ['positions', [0, 0, 10, 20, 30, 40, 50, 60]],
  ]);

  it('adds scaled positions to scaled rows, and pads with zeros', () => {
    const oracle = createOracle(module, weights, { batch: 2, capacity: 0 });
    const out = oracle.forward({ ids: [[2, 0], [1]], keyCounts: [2, 1] }).get('logits');
    expect(out?.shape).toEqual([2, 2, 2]);
    expect([...(out?.data ?? [])]).toEqual([10, 12, 2 + 5, 4 + 10, 6, 8, 0, 0]);
  });

  it('counts positions from the offset on, and adds row 0 of token types', () => {
    const { tokens, positions } = node;
    const typed: EmbedNode = { ...node, types: 'types', positions: { table: 'positions', scale: 1, offset: 2 } };
    expect([tokens?.scale, positions?.scale]).toEqual([2, 0.5]);
    const tables = { table: [3, 2], positions: [4, 2], types: [2, 2] };
    const whole = moduleOf([typed], { inputs: ['ids'], outputs: ['logits'] }, tables);
    const all = new Map([...weights, ['types', [0.25, 0.5, 7, 7]] as const]);
    const oracle = createOracle(whole, all, { batch: 1, capacity: 0 });
    const out = oracle.forward({ ids: [[0, 2]], keyCounts: [2] }).get('logits');
    expect([...(out?.data ?? [])]).toEqual([2 + 30.25, 4 + 40.5, 10 + 50.25, 12 + 60.5]);
  });

  it.each([
    ['interleaved', [Math.sin(3), Math.cos(3), Math.sin(0.03), Math.cos(0.03)]],
    ['half', [Math.sin(3), Math.sin(0.03), Math.cos(3), Math.cos(0.03)]],
  ] as const)('computes sinusoids, %s', (sinusoids, row) => {
    const positions = { table: 'sinusoids', scale: 2, offset: 3, sinusoids };
    const alone: EmbedNode = { op: 'embed', width: 4, positions, out: 'out' };
    const oracle = createOracle(moduleOf([alone], { inputs: ['hidden_in'], outputs: ['out'] }), new Map(), {
      batch: 1,
      capacity: 0,
    });
    const inputs = new Map([['hidden_in', { data: [0], shape: [1, 1, 1] }]]);
    const out = [...(oracle.forward({ inputs }).get('out')?.data ?? [])];
    for (const [index, expected] of row.entries()) expect(out[index]).toBeCloseTo(2 * expected, 14);
    const table = sinusoidTable({ width: 4, pairing: sinusoids, rows: 4 });
    for (const [index, expected] of row.entries()) expect(table[12 + index]).toBe(Math.fround(expected));
  });

  it('names an id outside of the vocabulary', () => {
    const oracle = createOracle(module, weights, { batch: 1, capacity: 0 });
    expect(() => oracle.forward({ ids: [[3]], keyCounts: [1] })).toThrow('token id 3 is not within 0 to 2');
  });
});
