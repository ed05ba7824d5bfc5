import { describe, expect, it } from 'vitest';
import type { LinearNode } from '../../src/compiler/ir/nodes.ts';
import type { LinearRowPlan } from '../../src/compiler/plan/linear/kernel-plan.ts';
import { planLinearRow } from '../../src/compiler/plan/linear/row-plans.ts';
import type { MatrixStorage } from '../../src/compiler/plan/plan-base.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { workgroupBytes } from '../../src/compiler/plan/workgroup-memory.ts';

const node = (inWidth: number, rest: Partial<LinearNode> = {}): LinearNode => ({
  op: 'linear',
  x: 'x',
  inWidth,
  outWidth: 64,
  weight: 'w',
  accumulate: false,
  logits: false,
  out: 'y',
  ...rest,
});

const integers = (dtype: 'int8' | 'int4'): MatrixStorage => ({ dtype, group: 32, scalesAt: 0 });

const plan = (one: LinearNode, weight: MatrixStorage, profile: keyof typeof profiles = 'matrix'): LinearRowPlan =>
  planLinearRow(one, weight, profiles[profile], { also: [], norm: { eps: 1e-5, weight: 'plain' } });

describe('a product of one row', () => {
  it('reads 16 bytes of integers at a time, and x from workgroup memory', () => {
    expect(plan(node(1024), integers('int4'))).toMatchObject({ sharesX: true, blockQuads: 8, outputs: 8 });
    expect(plan(node(1024), integers('int8'), 'subgroups')).toMatchObject({ sharesX: true, blockQuads: 4 });
    for (const [width, dtype] of [
      [4096, 'int4'],
      [4096, 'int8'],
      [1056, 'int4'],
    ] as const) {
      const { workgroup, sharesX } = plan(node(width), integers(dtype));
      expect(sharesX).toBe(true);
      expect(workgroupBytes(workgroup)).toBeLessThanOrEqual(20_480 + 32);
    }
  });

  it('reads x where it is when that is too wide or too short, of each head, or without subgroups', () => {
    expect(plan(node(8192), integers('int4')).sharesX).toBe(false);
    expect(plan(node(512), integers('int4')).sharesX).toBe(false);
    expect(plan(node(1024, { inputHeads: 2 }), integers('int4')).sharesX).toBe(false);
    expect(plan(node(1024), integers('int4'), 'f16').sharesX).toBe(false);
    expect(plan(node(1024), 'f16').sharesX).toBe(false);
  });

  it('makes two outputs in each lane where many are wanted, and nothing else is summed or added to', () => {
    const many = { outWidth: 128_256 };
    for (const dtype of ['int8', 'int4'] as const)
      expect(plan(node(2048, { ...many, logits: true }), integers(dtype))).toMatchObject({ columns: 2, outputs: 16 });
    expect(plan(node(2048, { ...many, accumulate: true }), integers('int4')).columns).toBe(1);
    expect(plan(node(2048, { ...many, gate: { weight: 'g' } }), integers('int4')).columns).toBe(1);
    expect(plan(node(2048, { outWidth: 8192 }), integers('int4')).columns).toBe(1);
    expect(plan(node(2048, many), 'f16').columns).toBe(1);
  });

  it('has twice as many loads of integers under way, which bring less', () => {
    expect(plan(node(16_384), integers('int4')).reads).toBe(8);
    expect(plan(node(16_384), 'f16').reads).toBe(4);
    expect(plan(node(16_384), integers('int4'), 'baseline').reads).toBe(4);
  });
});
