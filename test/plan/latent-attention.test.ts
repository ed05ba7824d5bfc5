import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttentionLatentPlan } from '../../src/compiler/plan/attention/kernel-plan.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import type { PlannedDispatch } from '../../src/compiler/plan/planned.ts';
import { type LatentSchedule, profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
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
    expect(stagesOf(program)).toEqual([
      ['attention_latent', 'attention_latent'],
      ['attention_latent', 'attention_combine'],
    ]);
    const [prefill] = latentOf(program.prefill);
    const [decode] = latentOf(program.decode);
    const gridAt = (grid: PlannedDispatch['grid'] | undefined, batch: number, tokens: number, keys: number) =>
      grid?.map((extent) => extentAt(extent, { B: batch, I: tokens, J: keys, C: keys, P: 0, L: 1, X: 0 }));
    const groupsOf = (plan: AttentionLatentPlan | undefined) => 128 / (16 * (plan?.rowBlocks ?? 0));
    const groups = groupsOf(decode?.plan);
    expect([prefill?.plan.leaves, decode?.plan.leaves]).toEqual(['rows', 'parts']);
    expect(gridAt(prefill?.grid, 2, 300, 300)).toEqual([groupsOf(prefill?.plan), 300, 2]);
    expect(gridAt(decode?.grid, 1, 1, 100)).toEqual([groups, 2, 1]);
    const [, parts = 0] = gridAt(decode?.grid, 1, 1, 4096) ?? [];
    expect(parts * groups).toBeGreaterThanOrEqual(64);
    expect(gridAt(decode?.grid, 4, 1, 4096)).toEqual([groups, Math.ceil(parts / 4), 4]);
  });

  it('redoes what left the range of f16: marked workgroups of a prompt, a share of one token by itself', () => {
    const program = programOf(`q_heads: 128, ${half}`);
    expect(latentOf(program.prefill).map(({ plan }) => plan.marks)).toEqual(['written', 'read']);
    expect(latentOf(program.decode).map(({ plan }) => plan.marks)).toEqual([undefined]);
    const [first, second] = program.prefill.filter(({ plan }) => plan.stage === 'attention_latent');
    expect(second?.grid).toEqual(first?.grid);
    expect(second?.bind).toEqual(first?.bind);
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
    const measured: LatentSchedule = { subgroups: 4, headSlices: 4, rowBlocks: 1, tileKeys: 32, workgroups: 256 };
    const plans: readonly AttentionLatentPlan[] = latentOf(
      programOf(`q_heads: 128, ${half}`, { ...profiles.matrix, schedules: { attention_latent: [measured] } }).decode,
    ).map(({ plan }) => plan);
    expect(plans).toMatchObject([{ subgroups: 4, rowBlocks: 1, tileKeys: 32, threads: 128 }]);
    for (const { workgroup } of plans) expect(workgroupBytes(workgroup)).toBeLessThanOrEqual(49_152);
  });
});

describe('products of latent rows', () => {
  const stages = (options: string, weights: string, profile: TargetProfile = profiles.matrix) => {
    const mla = '{ kv_rank: 512, nope_dim: 128, rope_dim: 64, value_dim: 128, cache: latent }';
    const text = `gqac: 1\nname: one\nattention: { hidden: 64, q_heads: 16, mla: ${mla}, rope: {}, ${half} ${options} }\nweights: { dtype: ${weights} }`;
    const { prefill, decode } = planProgram(lower(shapedFrom('spec.yaml', text)), profile);
    return [prefill, decode].map((dispatches) =>
      dispatches.flatMap(({ plan, halves = [] }) =>
        /latent|append/.test(plan.stage) ? [[plan.stage, ...halves]] : [],
      ),
    );
  };

  it('are of matrices for many tokens, and hand on f16 where attention reads it', () => {
    expect(stages('', 'f16')).toEqual([
      [
        ['latent_matrix'],
        ['append_quads', 'q'],
        ['attention_latent', 'q', 'z_in_latent'],
        ['attention_latent', 'q', 'z_in_latent'],
        ['latent_matrix', 'z_in_latent', 'z'],
      ],
      [['latent_queries'], ['append_quads'], ['attention_latent'], ['latent_values']],
    ]);
    expect(stages(', hooks: [z]', 'f16')[0]?.at(-1)).toEqual(['latent_matrix', 'z_in_latent']);
  });

  it('are not where weights are not f16, or there are no matrices', () => {
    for (const found of [...stages('', 'f32'), ...stages('', 'f16', profiles.f16)]) {
      const products = found.flatMap(([stage = '']) => (stage.startsWith('latent') ? [stage] : []));
      expect(products).toEqual(['latent_queries', 'latent_values']);
    }
  });
});
