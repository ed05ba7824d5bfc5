import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type {
  AttentionCombinePlan,
  AttentionSplitSubgroupsPlan,
} from '../../src/compiler/plan/attention/kernel-plan.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import type { PlannedDispatch } from '../../src/compiler/plan/planned.ts';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { shapedFrom } from '../ir/specs.ts';

interface Planned<Plan> {
  readonly plan: Plan;
  readonly grid: readonly number[];
}

/** The two kernels of a step of decoding on 4,096 keys, and what joins the shares of few tokens. */
function decodeOf(options: string, profile: TargetProfile = profiles.subgroups) {
  const text = `gqac: 1\nname: one\nattention: { ${options} }`;
  const { decode, prefill } = planProgram(lower(shapedFrom('spec.yaml', text)), profile);
  const call = { B: 1, I: 1, J: 4096, C: 4096, P: 0, L: 1, X: 0 };
  const at = ({ grid }: PlannedDispatch) => grid.map((extent) => extentAt(extent, call));
  const found = <Plan>(dispatches: readonly PlannedDispatch[], stage: string): Planned<Plan> | undefined =>
    dispatches.flatMap((one) => (one.plan.stage === stage ? [{ plan: one.plan as Plan, grid: at(one) }] : []))[0];
  return {
    split: found<AttentionSplitSubgroupsPlan>(decode, 'attention_split_subgroups'),
    combine: found<AttentionCombinePlan>(decode, 'attention_combine'),
    combineOfFew: found<AttentionCombinePlan>(prefill, 'attention_combine'),
  };
}

describe('the join of a split attention', () => {
  it('covers each quad of a row once, and the parts that there usually are in one turn', () => {
    for (const [width, quadsAtOnce] of [
      [128, 4],
      [72, 2],
      [24, 2],
      [8, 2],
    ] as const) {
      const { combine } = decodeOf(`q_heads: 32, kv_heads: 8, head_dim: ${width}, cache: { dtype: f16 }`);
      expect(combine?.plan).toMatchObject({ usesSubgroups: true, quadsAtOnce });
      expect(combine?.grid).toEqual([32, 1, width / 4 / quadsAtOnce]);
      const slices = (combine?.plan.threads ?? 0) / quadsAtOnce;
      expect(slices * (combine?.plan.reads ?? 0)).toBeGreaterThanOrEqual(64);
    }
  });

  it('covers rows of any number of quads for few tokens too', () => {
    for (const [width, quadsAtOnce] of [
      [64, 4],
      [24, 2],
      [12, 1],
      [20, 1],
    ] as const) {
      const spec = `hidden: 64, q_heads: 4, kv_heads: 2, head_dim: ${width}, mask: { causal: true }, cache: { dtype: f16 }`;
      const { combineOfFew } = decodeOf(spec, profiles.matrix);
      expect(combineOfFew?.plan).toMatchObject({ usesSubgroups: true, quadsAtOnce });
      expect(combineOfFew?.grid[2]).toBe(width / 4 / quadsAtOnce);
    }
  });

  it('takes whole rows where there are no subgroups', () => {
    const { split, combine } = decodeOf('q_heads: 32, kv_heads: 8, head_dim: 128', profiles.baseline);
    expect(split).toBeUndefined();
    expect(combine?.plan).toMatchObject({ usesSubgroups: false, quadsAtOnce: 32 });
    expect(combine?.grid).toEqual([32, 1, 1]);
  });
});

describe('split attention by subgroups', () => {
  it('serves every storage of keys, with as many registers for reads under way', () => {
    const options = (dtype: string) => `hidden: 64, q_heads: 8, kv_heads: 2, head_dim: 128, cache: { dtype: ${dtype} }`;
    expect(decodeOf(options('f16')).split?.plan.reads).toBe(8);
    expect(decodeOf(options('f32')).split?.plan.reads).toBe(4);
    expect(decodeOf(options('int8')).split?.plan.keys).toBe('int8');
  });

  it('reads 16 bytes of integers at a time, of keys that four lanes or more share', () => {
    const ofWidth = (width: number, dtype = 'int8') =>
      decodeOf(`hidden: 64, q_heads: 8, kv_heads: 2, head_dim: ${width}, cache: { dtype: ${dtype} }`).split?.plan;
    expect(ofWidth(128)).toMatchObject({ keyEntries: 16, keyLanes: 8, keyReads: 4, valueLanes: 16, reads: 8 });
    expect(ofWidth(80)).toMatchObject({ keyEntries: 16, keyLanes: 8 });
    for (const plan of [ofWidth(32), ofWidth(72), ofWidth(128, 'f16')]) {
      expect(plan?.keyEntries).toBeUndefined();
      expect(plan?.keyReads).toBe(plan?.reads);
    }
  });

  it('has no more memory for a cache of int8: scales stay in registers', () => {
    const options = (dtype: string) => `hidden: 64, q_heads: 8, kv_heads: 2, head_dim: 64, cache: { dtype: ${dtype} }`;
    expect(decodeOf(options('int8')).split?.plan.workgroup).toEqual(decodeOf(options('f16')).split?.plan.workgroup);
  });
});
