import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttentionLatentPlan } from '../../src/compiler/plan/attention-kernel-plan.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import type { PlannedDispatch } from '../../src/compiler/plan/planned.ts';
import { type LatentSchedule, profiles, type TargetProfile } from '../../src/compiler/plan/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import { workgroupBytes } from '../../src/compiler/plan/workgroup-memory.ts';
import { shapedFrom } from '../ir/specs.ts';

/** DeepSeek's widths, where nothing else is said. */
function programOf(options: string, profile: TargetProfile = profiles.matrix, ranks = 'kv_rank: 512, rope_dim: 64') {
  const mla = `{ ${ranks}, nope_dim: 128, value_dim: 128, cache: latent }`;
  const text = `gqac: 1\nname: one\nattention: { hidden: 64, mla: ${mla}, ${options} }`;
  return planProgram(lower(shapedFrom('spec.yaml', text)), profile);
}

const half = 'cache: { dtype: f16 }, mask: { causal: true }';

const latentOf = (dispatches: readonly PlannedDispatch[]) =>
  dispatches.flatMap(({ plan, grid }) => (plan.stage === 'attention_latent' ? [{ plan, grid }] : []));

const stagesOf = ({ prefill, decode }: ProgramPlan) =>
  [prefill, decode].map((dispatches) =>
    dispatches.map(({ plan }) => plan.stage).filter((stage) => stage.startsWith('attention')),
  );

const reasonOf = ({ rejected }: ProgramPlan) => rejected.find(({ variant }) => variant === 'latent')?.reason;

describe('attention on latent rows', () => {
  it('has heads as the rows of its products, and deals out the columns of one token', () => {
    const program = programOf(`q_heads: 128, ${half}`);
    expect(stagesOf(program)).toEqual([['attention_latent'], ['attention_latent', 'attention_combine']]);
    const [prefill] = latentOf(program.prefill);
    const [decode] = latentOf(program.decode);
    const gridAt = (grid: PlannedDispatch['grid'] | undefined, batch: number, tokens: number, keys: number) =>
      grid?.map((extent) => extentAt(extent, { B: batch, I: tokens, J: keys, C: keys, P: 0, L: 1, X: 0 }));
    const groups = 128 / (16 * (decode?.plan.rowBlocks ?? 0));
    expect([prefill?.plan.leaves, decode?.plan.leaves]).toEqual(['rows', 'parts']);
    expect(gridAt(prefill?.grid, 2, 300, 300)).toEqual([groups, 300, 2]);
    expect(gridAt(decode?.grid, 1, 1, 100)).toEqual([groups, 2, 1]);
    const [, parts = 0] = gridAt(decode?.grid, 1, 1, 4096) ?? [];
    expect(parts * groups).toBeGreaterThanOrEqual(64);
    expect(gridAt(decode?.grid, 4, 1, 4096)).toEqual([groups, Math.ceil(parts / 4), 4]);
  });

  it('has no more blocks than there are heads', () => {
    const blocksOf = (heads: number) => latentOf(programOf(`q_heads: ${heads}, ${half}`).decode)[0]?.plan.rowBlocks;
    expect([16, 128].map(blocksOf)).toEqual([1, 2]);
  });

  it('says why it cannot serve', () => {
    expect(reasonOf(programOf(`q_heads: 128, ${half}`))).toBeUndefined();
    expect(reasonOf(programOf('q_heads: 128, mask: { causal: true }'))).toContain('keys are f32');
    expect(reasonOf(programOf(`q_heads: 4, ${half}`))).toContain('16 heads');
    const window = 'q_heads: 128, cache: { dtype: f16 }, mask: { causal: true, window: 100 }';
    expect(reasonOf(programOf(window))).toContain('window');
    expect(reasonOf(programOf(`q_heads: 32, ${half}`, profiles.matrix, 'kv_rank: 520, rope_dim: 56'))).toContain(
      'slices',
    );
    const little = {
      ...profiles.matrix,
      limits: { ...profiles.matrix.limits, maxComputeWorkgroupStorageSize: 16_384 },
    };
    expect(reasonOf(programOf(`q_heads: 128, ${half}`, little))).toContain('workgroup memory');
  });

  it('leaves keys and values of their own, and narrow rows, to the forms that share them', () => {
    const stages = stagesOf(programOf(`q_heads: 128, ${half}`, profiles.matrix, 'kv_rank: 128, rope_dim: 64'));
    expect(stages.flat()).toContain('attention_split_subgroups');
    expect(stages.flat()).not.toContain('attention_latent');
  });

  it('takes a measured schedule that fits', () => {
    const measured: LatentSchedule = {
      subgroups: 4,
      headSlices: 4,
      rowBlocks: 1,
      tileKeys: 32,
      workgroups: 256,
    };
    const plans: readonly AttentionLatentPlan[] = latentOf(
      programOf(`q_heads: 128, ${half}`, { ...profiles.matrix, schedules: { attention_latent: [measured] } }).decode,
    ).map(({ plan }) => plan);
    expect(plans).toMatchObject([{ subgroups: 4, rowBlocks: 1, tileKeys: 32, threads: 128 }]);
    for (const { workgroup } of plans) expect(workgroupBytes(workgroup)).toBeLessThanOrEqual(49_152);
  });
});
