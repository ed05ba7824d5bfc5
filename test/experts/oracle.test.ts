import { describe, expect, it } from 'vitest';
import type { ClampedSwiglu, ExpertsShape } from '../../src/compiler/check/shaped-spec.ts';
import type { Node, RouteNode } from '../../src/compiler/ir/nodes.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { moduleOf, values } from '../oracle/module.ts';
import { clampedSwiglu, deepseekRouter, mixed, silu, softmaxRouter, times, topkRouter } from './definition.ts';

const tokens = 5;
const rowsOf = (data: ArrayLike<number>, width: number) =>
  Array.from({ length: data.length / width }, (_, row) => Array.from(data).slice(row * width, (row + 1) * width));

/** The weight of every expert for each token, 0 where it is not chosen. */
function routed(
  options: Partial<RouteNode> & Pick<RouteNode, 'experts' | 'active' | 'scoring'>,
  correction?: number[],
) {
  const node: RouteNode = {
    op: 'route',
    logits: 'hidden_in',
    normalized: true,
    scale: 1,
    chosen: 'chosen',
    out: 'out',
    ...(correction && { correction: 'c' }),
    ...options,
  };
  const logits = values(tokens * node.experts, 7).map((x) => 3 * x);
  const weights = correction ? { c: [correction.length] } : {};
  const module = moduleOf([node], { inputs: ['hidden_in'], outputs: ['out', 'chosen'] }, weights);
  const oracle = createOracle(module, new Map([['c', correction ?? []]]), { batch: 1, capacity: tokens });
  const inputs = new Map([['hidden_in', { data: logits, shape: [1, tokens, node.experts] }]]);
  const out = oracle.forward({ inputs });
  const shares = rowsOf(out.get('out')?.data ?? [], node.active);
  const found = rowsOf(out.get('chosen')?.data ?? [], node.active).map((chosen, row) =>
    Array.from({ length: node.experts }, (_, e) => shares[row]?.[chosen.indexOf(e)] ?? 0),
  );
  return { logits: rowsOf(logits, node.experts), found };
}

function expectRows(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  expect(found.length).toBe(expected.length);
  for (const [row, entries] of expected.entries())
    for (const [i, value] of entries.entries()) expect(found[row]?.[i]).toBeCloseTo(value, 12);
}

describe('routers', () => {
  it.each([true, false])('softmax over all experts, normalized %s', (normalized) => {
    const { logits, found } = routed({ experts: 9, active: 3, scoring: 'softmax', normalized });
    expectRows(
      found,
      logits.map((row) => softmaxRouter(row, 3, normalized)),
    );
  });

  it('softmax over the chosen experts', () => {
    const { logits, found } = routed({ experts: 7, active: 4, scoring: 'topk_softmax' });
    expectRows(
      found,
      logits.map((row) => topkRouter(row, 4)),
    );
  });

  it('sigmoid with a correction and groups; scores outside of them count as 0', () => {
    const sizes = { k: 3, groups: 4, activeGroups: 1, scale: 2.5 };
    const groups = { count: 4, active: 1, top: 2 };
    for (const offset of [0, -0.9]) {
      const correction = [...values(16, 3)].map((x) => x + offset);
      const { logits, found } = routed({ experts: 16, active: 3, scoring: 'sigmoid', groups, scale: 2.5 }, correction);
      expectRows(
        found,
        logits.map((row) => deepseekRouter(row, correction, sizes)),
      );
    }
  });

  it('takes the first of equal experts', () => {
    const node: RouteNode = {
      op: 'route',
      logits: 'hidden_in',
      experts: 4,
      active: 2,
      scoring: 'sigmoid',
      normalized: true,
      scale: 1,
      chosen: 'chosen',
      out: 'out',
    };
    const module = moduleOf([node], { inputs: ['hidden_in'], outputs: ['out', 'chosen'] });
    const inputs = new Map([['hidden_in', { data: [0, 1, 0, 1], shape: [1, 1, 4] }]]);
    const out = createOracle(module, new Map(), { batch: 1, capacity: 1 }).forward({ inputs });
    expect([...(out.get('chosen')?.data ?? [])]).toEqual([1, 3]);
    expect([...(out.get('out')?.data ?? [])]).toEqual([0.5, 0.5]);
  });
});

describe('experts', () => {
  const [E, hidden, width, active] = [5, 6, 4, 2] as const;
  const clamp: ClampedSwiglu = { kind: 'clamped_swiglu', limit: 0.6, alpha: 1.702 };

  it.each([
    ['silu', 'silu', (gate: number, up: number) => silu(gate) * up],
    ['clamped swiglu', clamp, (gate: number, up: number) => clampedSwiglu(gate, up, 0.6, 1.702)],
  ] as const)('are those of all experts, weighted, with %s', (_, activation, glu) => {
    const scoring: ExpertsShape['scoring'] = 'softmax';
    const matrix = (seed: number, rows: number, columns: number) =>
      rowsOf(
        values(E * rows * columns, seed).map((x) => 2 * x),
        columns,
      );
    const [up, gate, down, upBias, gateBias, downBias] = [
      matrix(1, width, hidden),
      matrix(2, width, hidden),
      matrix(3, hidden, width),
      [...values(E * width, 4)],
      [...values(E * width, 5)],
      [...values(E * hidden, 6)],
    ];
    const router = rowsOf(values(E * hidden, 8), hidden);
    const x = rowsOf(values(tokens * hidden, 9), hidden);
    const nodes: Node[] = [
      {
        op: 'linear',
        x: 'hidden_in',
        inWidth: hidden,
        outWidth: E,
        weight: 'router',
        accumulate: false,
        logits: false,
        out: 'logits',
      },
      {
        op: 'route',
        logits: 'logits',
        experts: E,
        active,
        scoring,
        normalized: true,
        scale: 1,
        chosen: 'chosen',
        out: 'shares',
      },
      {
        op: 'experts_up',
        x: 'hidden_in',
        chosen: 'chosen',
        experts: E,
        active,
        inWidth: hidden,
        outWidth: width,
        weight: 'up',
        bias: 'upBias',
        gate: { weight: 'gate', bias: 'gateBias' },
        activation,
        out: 'between',
      },
      {
        op: 'experts_down',
        x: 'between',
        chosen: 'chosen',
        shares: 'shares',
        experts: E,
        active,
        inWidth: width,
        outWidth: hidden,
        weight: 'down',
        bias: 'downBias',
        scale: 0.5,
        accumulate: false,
        out: 'out',
      },
    ];
    const data = {
      router: router.flat(),
      up: up.flat(),
      gate: gate.flat(),
      down: down.flat(),
      upBias,
      gateBias,
      downBias,
    };
    const shapes = Object.fromEntries(Object.entries(data).map(([name, entries]) => [name, [entries.length]]));
    const module = moduleOf(nodes, { inputs: ['hidden_in'], outputs: ['out'] }, shapes);
    const oracle = createOracle(module, new Map(Object.entries(data)), { batch: 1, capacity: tokens });
    const inputs = new Map([['hidden_in', { data: x.flat(), shape: [1, tokens, hidden] }]]);
    const out = rowsOf(oracle.forward({ inputs }).get('out')?.data ?? [], hidden);
    const mlp = (e: number, row: readonly number[]) => {
      const of = (rows: readonly (readonly number[])[], count: number) => rows.slice(e * count, (e + 1) * count);
      const biased = (made: readonly number[], bias: readonly number[]) =>
        made.map((value, i) => value + (bias[e * made.length + i] ?? 0));
      const ups = biased(times(of(up, width), row), upBias);
      const gates = biased(times(of(gate, width), row), gateBias);
      const inner = ups.map((u, i) => glu(gates[i] ?? 0, u));
      return biased(times(of(down, hidden), inner), downBias);
    };
    expectRows(
      out,
      x.map((row) => {
        const outputs = Array.from({ length: E }, (_, e) => mlp(e, row));
        return mixed(softmaxRouter(times(router, row), active, true), outputs).map((value) => 0.5 * value);
      }),
    );
  });
});
