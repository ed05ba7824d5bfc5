import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttentionMatrixPlan } from '../../src/compiler/plan/attention/kernel-plan.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import type { KernelPlan } from '../../src/compiler/plan/kernel-plan.ts';
import type { PlannedDispatch } from '../../src/compiler/plan/planned.ts';
import { type MatrixSchedule, profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import { workgroupBytes } from '../../src/compiler/plan/workgroup-memory.ts';
import { shapedFrom } from '../ir/specs.ts';

function plansOf(options: string, profile?: TargetProfile): readonly AttentionMatrixPlan[] {
  return kernelsOf(options, profile).filter(isMatrix);
}

const isMatrix = (plan: KernelPlan): plan is AttentionMatrixPlan => plan.stage === 'attention_matrix';

function kernelsOf(options: string, profile: TargetProfile = profiles.matrix, keys = 'f16'): readonly KernelPlan[] {
  const text = `gqac: 1\nname: one\nattention: { q_heads: 8, kv_heads: 2, ${options}, cache: { dtype: ${keys} } }`;
  return ranIn(planProgram(lower(shapedFrom('spec.yaml', text)), profile), 512, 512).map(({ plan }) => plan);
}

/** What a call of one sequence runs. */
function ranIn({ prefill }: ProgramPlan, tokens: number, keys: number) {
  const call = { B: 1, I: tokens, J: keys, C: keys, P: 0, L: 1, X: 0 };
  const at = ({ grid }: PlannedDispatch) => grid.map((extent) => extentAt(extent, call));
  return prefill.map((one) => ({ plan: one.plan, grid: at(one) })).filter(({ grid }) => !grid.includes(0));
}

const chosen = (options: string, profile?: TargetProfile) =>
  plansOf(options, profile).map(
    ({ reference, subgroups, rowBlocks, tileKeys }) => `${reference} ${subgroups} × ${16 * rowBlocks} × ${tileKeys}`,
  );

const withSchedules = (...schedules: readonly MatrixSchedule[]): TargetProfile => ({
  ...profiles.matrix,
  schedules: { attention_matrix: schedules },
});

const half = 'precision: { activations: f16 }';

describe('matrix attention', () => {
  it('takes more subgroups for wide heads, and fewer rows where registers are short', () => {
    expect(chosen(`head_dim: 64, ${half}`)).toEqual(['fixed 4 × 32 × 16', 'maximum 4 × 32 × 16']);
    expect(chosen(`head_dim: 128, ${half}`)).toEqual(['fixed 8 × 32 × 16', 'maximum 8 × 32 × 16']);
    expect(chosen(`head_dim: 256, ${half}`)).toEqual(['fixed 8 × 16 × 16', 'maximum 8 × 16 × 16']);
    const windowed = (width: number, window = 99) =>
      `head_dim: ${width}, mask: { causal: true, window: ${window} }, ${half}`;
    expect(chosen(windowed(128))).toEqual(['fixed 4 × 32 × 16', 'maximum 4 × 32 × 16']);
    expect(chosen(windowed(128, 4096))).toEqual(['fixed 8 × 32 × 16', 'maximum 8 × 32 × 16']);
    expect(chosen(windowed(256))).toEqual(['fixed 8 × 16 × 16', 'maximum 8 × 16 × 16']);
  });

  it('redoes given queries of f32 with both of their parts, in as many rows as registers hold', () => {
    const roundings = (options: string) =>
      plansOf(options).map(({ rounding, rowBlocks, markRows }) => `${rounding} ${16 * rowBlocks} of ${markRows}`);
    expect(roundings('head_dim: 64')).toEqual(['left 32 of 128', 'split 32 of 128']);
    expect(roundings('head_dim: 128')).toEqual(['left 32 of 256', 'split 16 of 256']);
    for (const own of [half, 'hidden: 64'])
      expect(roundings(`head_dim: 128, ${own}`)).toEqual(['ignored 32 of 256', 'ignored 32 of 256']);
    const compute = 'precision: { compute: f16 }';
    expect(roundings(`head_dim: 128, ${compute}`)).toEqual(['small 32 of 256', 'split 16 of 256']);
  });

  it('leaves rows that these registers do not hold to portable products', () => {
    const [first, redo] = kernelsOf('head_dim: 256');
    expect(first).toMatchObject({ stage: 'attention_matrix', rounding: 'left', markRows: 128, inParts: false });
    expect(redo).toMatchObject({ stage: 'attention_tile', products: 'f32', marks: 'read', markRows: 128 });
  });

  it('leaves given keys that have no padding to other forms', () => {
    expect(chosen('head_dim: 18')).toEqual([]);
    expect(chosen('hidden: 64, head_dim: 18')).toHaveLength(2);
  });

  it('deals out columns where no mask moves, and joins them only where there are parts', () => {
    const inParts = (options: string) => plansOf(options).map((plan) => plan.inParts);
    expect(inParts('head_dim: 64, mask: { causal: true }')).toEqual([true, true]);
    expect(inParts('head_dim: 64, mask: { causal: true, window: 9 }')).toEqual([false, false]);
    const text = 'gqac: 1\nname: one\nattention: { q_heads: 8, kv_heads: 2, head_dim: 64, cache: { dtype: f16 } }';
    const { prefill } = planProgram(lower(shapedFrom('spec.yaml', text)), profiles.matrix);
    const join = prefill.find(({ plan }) => plan.stage === 'attention_join');
    const gridAt = (tokens: number, keys: number) =>
      join?.grid.map((extent) => extentAt(extent, { B: 1, I: tokens, J: keys, C: keys, P: 0, L: 1, X: 0 }));
    expect(gridAt(64, 500)?.[0]).toBe(0);
    expect(gridAt(64, 8192)).toEqual([8, 1, 16]);
  });

  it('takes small workgroups for few tokens, and deals keys to many of them', () => {
    const text = 'gqac: 1\nname: one\nattention: { q_heads: 8, kv_heads: 2, head_dim: 64, cache: { dtype: f16 } }';
    const program = planProgram(lower(shapedFrom('spec.yaml', text)), profiles.matrix);
    const ran = (tokens: number, keys: number) =>
      ranIn(program, tokens, keys).map(({ plan, grid }) => `${plan.stage} ${plan.threads} ${grid}`);
    const few = ['attention_matrix 128 2,1,32', 'attention_matrix 128 2,1,32', 'attention_combine 128 8,4,4'];
    expect(ran(4, 4096)).toEqual(few);
    expect(ran(4, 100)).toEqual(['attention_matrix 128 2,1,1', 'attention_matrix 128 2,1,1']);
    expect(ran(16, 4096).slice(0, 1)).toEqual(['attention_matrix 128 2,1,32']);
    expect(ran(17, 4096).slice(0, 1)).toEqual(['attention_matrix 128 2,1,8']);
  });

  it('shares the memory of a unit: 6 KiB for each subgroup, or rows without padding', () => {
    const [padded] = plansOf('head_dim: 128');
    const [bare] = plansOf('head_dim: 128', withSchedules({ subgroups: 4, rowBlocks: 2, tileKeys: 16 }));
    const pitches = [padded, bare].map((plan) => [plan?.scorePitch, plan?.weightPitch, plan?.turned]);
    expect(pitches).toEqual([
      [6, 4, true],
      [5, 4, false],
    ]);
    expect(workgroupBytes(bare?.workgroup ?? [])).toBeLessThan(4 * 6144);
    const [integers] = kernelsOf('head_dim: 128, hidden: 64', profiles.matrix, 'int8').filter(isMatrix);
    expect([integers?.scorePitch, integers?.weightPitch, integers?.turned]).toEqual([5, 6, false]);
  });
});
