import { describe, expect, it } from 'vitest';
import type { RopeScaling } from '../../src/compiler/check/shaped-spec.ts';
import { turnsOf } from '../../src/compiler/oracle/rope.ts';
import { ropeFrequencies } from '../../src/runtime/abi1/rope-frequencies.ts';
import { ropeTable } from '../../src/runtime/abi1/rope-table.ts';

interface Case {
  readonly dim: number;
  readonly base: number;
  readonly scaling: RopeScaling;
  readonly capacity?: number;
  readonly speeds: readonly number[];
  readonly factor?: number;
}

const dynamic = { kind: 'dynamic', factor: 2, originalContext: 32 } as const;
const yarn = {
  kind: 'yarn',
  factor: 4,
  originalContext: 256,
  betaFast: 32,
  betaSlow: 1,
  truncate: true,
  attentionFactor: 1.138629436111989,
} as const;
const longrope = {
  kind: 'longrope',
  originalContext: 64,
  shortFactors: [1, 2],
  longFactors: [4, 8],
  attentionFactor: 1.5,
} as const;

/** Speeds from transformers' formulas, evaluated in f64 by a program of their own. */
const cases: Readonly<Record<string, Case>> = {
  linear: { dim: 4, base: 100, scaling: { kind: 'linear', factor: 8 }, speeds: [0.125, 0.0125] },
  llama3: {
    dim: 16,
    base: 500000,
    scaling: { kind: 'llama3', factor: 8, originalContext: 64, lowFreqFactor: 1, highFreqFactor: 4 },
    speeds: [
      1, 0.0794030091792082, 0.004700753866357992, 0.0009115830921521386, 0.00017677669529663688, 3.428102195952591e-5,
      6.647869871181236e-6, 1.2891731721515574e-6,
    ],
  },
  'dynamic beyond the original context': {
    dim: 8,
    base: 10000,
    scaling: dynamic,
    capacity: 96,
    speeds: [1, 0.05848035476425732, 0.003419951893353394, 0.0002],
  },
  'dynamic within the original context': {
    dim: 8,
    base: 10000,
    scaling: dynamic,
    capacity: 20,
    speeds: [1, 0.1, 0.01, 0.001],
  },
  'dynamic with a single pair': { dim: 2, base: 10000, scaling: dynamic, capacity: 96, speeds: [1] },
  yarn: {
    dim: 16,
    base: 10000,
    scaling: yarn,
    speeds: [
      1, 0.2569350598886808, 0.0625, 0.01383496476323666, 0.0025, 0.0007905694150420947, 0.00025, 7.905694150420948e-5,
    ],
    factor: 1.138629436111989,
  },
  'yarn with a ramp between entries': {
    dim: 16,
    base: 10000,
    scaling: { ...yarn, truncate: false },
    speeds: [
      1, 0.25397231355700634, 0.05539863663460478, 0.00963994285097862, 0.0025, 0.0007905694150420947, 0.00025,
      7.905694150420948e-5,
    ],
    factor: 1.138629436111989,
  },
  'longrope within the original context': {
    dim: 4,
    base: 100,
    scaling: longrope,
    capacity: 64,
    speeds: [1, 0.05],
    factor: 1.5,
  },
  'longrope beyond it': { dim: 4, base: 100, scaling: longrope, capacity: 65, speeds: [0.25, 0.0125], factor: 1.5 },
};

describe.each(Object.entries(cases))('%s', (_, { dim, base, scaling, capacity = 1, speeds, factor = 1 }) => {
  it('has the speeds of the definition in the oracle and in the runtime', () => {
    const rotation = { dim, base, scaling, pairing: 'half', table: 'unused', firstHead: 0 } as const;
    const oracle = turnsOf(rotation, capacity);
    const runtime = ropeFrequencies({ dim, base, scaling }, capacity);
    for (const found of [oracle.speeds, runtime.frequencies]) {
      expect(found).toHaveLength(speeds.length);
      for (const [j, speed] of speeds.entries()) expect(found[j]).toBeCloseTo(speed, 14);
    }
    expect([oracle.factor, runtime.factor]).toEqual([factor, factor]);
  });
});

it('multiplies cos and sin by the attention factor', () => {
  const table = ropeTable({ dim: 2, base: 100, scaling: { ...longrope, shortFactors: [2] } }, 3);
  expect([...table.subarray(4)]).toEqual([Math.fround(1.5 * Math.cos(1)), Math.fround(1.5 * Math.sin(1))]);
});
