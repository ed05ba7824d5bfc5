import { describe, expect, it } from 'vitest';
import type { HeadNorm, Node } from '../../src/compiler/ir/nodes.ts';
import { createOracle, type OracleInput } from '../../src/compiler/oracle/oracle.ts';
import { attention } from './attention-node.ts';
import { moduleOf } from './module.ts';

type Weights = Readonly<Record<string, readonly number[]>>;

function outOf(nodes: readonly Node[], inputs: Readonly<Record<string, OracleInput>>, weights: Weights = {}) {
  const shapes = Object.fromEntries(Object.entries(weights).map(([name, data]) => [name, [data.length]]));
  const module = moduleOf(nodes, { inputs: Object.keys(inputs), outputs: ['out'] }, shapes);
  const oracle = createOracle(module, new Map(Object.entries(weights)), { batch: 1, capacity: 4 });
  return [...(oracle.forward({ inputs: new Map(Object.entries(inputs)) }).get('out')?.data ?? [])];
}

const tokens = (width: number, ...data: number[]): OracleInput => ({ data, shape: [1, data.length / width, width] });

function expectClose(out: readonly number[], expected: readonly number[]): void {
  expect(out).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(out[i]).toBeCloseTo(value, 12);
}

const norm = (changes: Partial<HeadNorm>): HeadNorm => ({
  kind: 'rms',
  eps: 0,
  unitOffset: false,
  groups: 1,
  weight: 'none',
  ...changes,
});
const queries = (headDim: number, norms: readonly HeadNorm[]): Node => ({
  op: 'query_heads',
  x: 'hidden_in',
  heads: 2,
  headDim,
  norms,
  out: 'out',
});

describe('head norms', () => {
  it('layer subtracts the mean of each group', () => {
    const node = queries(4, [norm({ kind: 'layer', groups: 2, eps: 3 })]);
    expectClose(outOf([node], { hidden_in: tokens(8, 1, 3, 5, 9, 0, 0, 7, 7) }), [
      -0.5,
      0.5,
      -2 / 7 ** 0.5,
      2 / 7 ** 0.5,
      0,
      0,
      0,
      0,
    ]);
  });

  it('have weights for each head, stored minus one or not', () => {
    const node = queries(2, [norm({ weight: 'per_head', unitOffset: true, tensor: 'g' })]);
    expectClose(outOf([node], { hidden_in: tokens(4, 2, 2, -3, 3) }, { g: [0, 1, 2, 3] }), [1, 2, -3, 4]);
  });

  it('are applied in order', () => {
    const norms = [norm({ kind: 'l2', weight: 'shared', tensor: 'a' }), norm({ weight: 'per_head', tensor: 'b' })];
    const out = outOf([queries(2, norms)], { hidden_in: tokens(4, 3, 4, 0, 5) }, { a: [4, 3], b: [1, 2, 3, 4] });
    // (3, 4) / 5 · (4, 3) has equal entries; (0, 5) becomes (0, 3).
    expectClose(out, [1, 2, 0, 4 * 2 ** 0.5]);
  });

  it('of memory keys take the weights of their KV head', () => {
    const node: Node = {
      op: 'memory_keys',
      memory: 'm',
      kvHeads: 2,
      slots: 2,
      headDim: 1,
      norms: [norm({ kind: 'l2', weight: 'per_head', tensor: 'g' })],
      out: 'out',
    };
    expectClose(outOf([node], { hidden_in: tokens(1, 0) }, { m: [3, -3, 5, -5], g: [1, 10] }), [1, -1, 10, -10]);
  });
});

describe('partial rotation', () => {
  it('turns the last heads only', () => {
    const rotation = { dim: 2, base: 100, pairing: 'half', table: 'unused', firstHead: 1 } as const;
    const node: Node = { op: 'query_heads', x: 'hidden_in', heads: 2, headDim: 2, norms: [], rotation, out: 'out' };
    const out = outOf([node], { hidden_in: tokens(4, 1, 0, 1, 0, 1, 0, 1, 0) });
    expectClose(out, [1, 0, 1, 0, 1, 0, Math.cos(1), Math.sin(1)]);
  });
});

/** Fills `out`, which the next node changes in place, with the input `start`. */
const begin = (width: number): Node => ({
  op: 'linear',
  x: 'start',
  inWidth: width,
  outWidth: width,
  weight: 'identity',
  accumulate: false,
  logits: false,
  out: 'out',
});
const identity = (width: number) => Array.from({ length: width ** 2 }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));

describe('values', () => {
  const append = (changes: object = {}): Node => ({
    op: 'append',
    k: 'k_proj',
    v: 'v_proj',
    kvHeads: 2,
    headDim: 1,
    valueDim: 2,
    norms: [],
    kCache: 'ck',
    vCache: 'cv',
    cacheDtype: 'f32',
    ...changes,
  });
  const heads = { qHeads: 2, kvHeads: 2, queriesPerKv: 1, order: 'blocked' } as const;
  const attend = attention({ k: 'ck', v: 'cv', keyLayout: 'heads-first', heads, valueDim: 2 });
  const q = { data: [0, 0], shape: [1, 1, 2, 1] };

  it('are normalised before they are cached', () => {
    const valueNorm = norm({ weight: 'per_head', tensor: 'g' });
    const inputs = { q, k_proj: tokens(2, 0, 0), v_proj: tokens(4, 2, 2, 5, -5) };
    expectClose(outOf([append({ valueNorm }), attend], inputs, { g: [1, 2, 3, 4] }), [1, 2, 3, -4]);
  });

  it('are mixed with the first ones by a number, or by a gate for each KV head', () => {
    const mix = (m: number | { gate: string }): Node => ({
      op: 'mix_values',
      first: 'v0',
      mix: m,
      kvHeads: 2,
      valueDim: 1,
      out: 'out',
    });
    const inputs = {
      hidden_in: tokens(1, 0, 0),
      v0: tokens(2, 0, 0, 8, 8),
      start: tokens(2, 4, 8, 0, 4),
      g: tokens(2, 1, 0.5, 0.25, 0),
    };
    expectClose(outOf([begin(2), mix(0.25)], inputs, { identity: identity(2) }), [1, 2, 6, 7]);
    expectClose(outOf([begin(2), mix({ gate: 'g' })], inputs, { identity: identity(2) }), [4, 4, 6, 8]);
  });
});

describe('gates', () => {
  const node = { op: 'gate_heads', heads: 2, valueDim: 2, out: 'out' } as const;
  const inputs = {
    hidden_in: tokens(1, 0),
    start: tokens(4, 1, 2, 3, 4),
    h: tokens(2, 2, 3),
    e: tokens(4, 1, 0, 1, 2),
  };

  it('multiply those that are given', () => {
    const weights = { identity: identity(4), s: [10, 100] };
    const gated = (factors: object) => outOf([begin(4), { ...node, ...factors }], inputs, weights);
    expectClose(gated({ scale: 's' }), [10, 20, 300, 400]);
    expectClose(gated({ head: 'h' }), [2, 4, 9, 12]);
    expectClose(gated({ scale: 's', head: 'h', entry: 'e' }), [20, 0, 900, 2400]);
  });

  it('are sigmoids of a projection, or halves of one', () => {
    const linear: Node = {
      op: 'linear',
      x: 'hidden_in',
      inWidth: 1,
      outWidth: 1,
      weight: 'w',
      gate: { weight: 'b' },
      activation: 'sigmoid',
      accumulate: false,
      logits: false,
      out: 'out',
    };
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expectClose(outOf([linear], { hidden_in: tokens(1, 2) }, { w: [3], b: [0.5] }), [6 * sigmoid(1)]);
    const { gate: _, ...plain } = linear;
    expectClose(outOf([plain], { hidden_in: tokens(1, 2) }, { w: [3] }), [sigmoid(6)]);
  });
});

describe('cross-attention', () => {
  const rows = { rows: 'context' } as const;
  const project = (name: string): Node => ({
    op: 'linear',
    x: 'context',
    inWidth: 1,
    outWidth: 1,
    weight: name,
    accumulate: false,
    logits: false,
    out: `${name}_proj`,
    ...rows,
  });
  const append: Node = {
    op: 'append',
    k: 'wk_proj',
    v: 'wv_proj',
    kvHeads: 1,
    headDim: 1,
    valueDim: 1,
    norms: [],
    kCache: 'ck',
    vCache: 'cv',
    cacheDtype: 'f32',
    ...rows,
  };
  const attend = attention({ k: 'ck', v: 'cv', keyLayout: 'heads-first', cross: true });
  const module = moduleOf(
    [project('wk'), project('wv'), append, attend],
    { inputs: ['q', 'context'], outputs: ['out'] },
    { wk: [1, 1], wv: [1, 1] },
  );
  const weights = new Map([
    ['wk', [0]],
    ['wv', [2]],
  ]);
  const inputs = new Map([
    ['q', { data: [1, 1], shape: [2, 1, 1, 1] }],
    ['context', { data: [1, 2, 6, 5, 7, 100], shape: [2, 3, 1] }],
  ]);

  it('reads all rows of each context, which every call replaces', () => {
    const oracle = createOracle(module, weights, { batch: 2, capacity: 3 });
    const first = [...(oracle.forward({ inputs, contextCounts: [3, 2] }).get('out')?.data ?? [])];
    expectClose(first, [6, 12]);
    expect([...(oracle.forward({ inputs, contextCounts: [3, 2] }).get('out')?.data ?? [])]).toEqual(first);
    expect(oracle.past()).toEqual([0, 0]);
  });
});
