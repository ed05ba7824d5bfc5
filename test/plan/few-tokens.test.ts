import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { shapedFrom } from '../ir/specs.ts';

/** What runs in a call of so many tokens on 4,096 keys, with the workgroups of each. */
function runsOf(options: string, tokens: number, profile: TargetProfile = profiles.subgroups, batch = 1) {
  const text = `gqac: 1\nname: one\nattention: { ${options}, cache: { dtype: f16 }, mask: { causal: true } }`;
  const { prefill } = planProgram(lower(shapedFrom('spec.yaml', text)), profile);
  const call = { B: batch, I: tokens, J: 4096, C: 4096, P: 0, L: 1, X: 0 };
  return prefill.flatMap(({ plan, grid }) => {
    const workgroups = grid.map((extent) => extentAt(extent, call));
    return workgroups.includes(0) ? [] : [{ stage: plan.stage, workgroups }];
  });
}

const llama = 'q_heads: 32, kv_heads: 8, head_dim: 128';
const stagesOf = (runs: ReturnType<typeof runsOf>) => runs.map(({ stage }) => stage);

describe('few tokens without matrices', () => {
  it('are worked on one by one, their columns dealt out: a workgroup for each part of each token', () => {
    const [split, combine] = runsOf(llama, 4, profiles.subgroups, 3);
    expect(split?.stage).toBe('attention_split_subgroups');
    expect(split?.workgroups).toEqual([8, expect.any(Number), 12]);
    expect(combine).toMatchObject({ stage: 'attention_combine', workgroups: [32, 12, 8] });
  });

  it('are so many that a KV head has at most 64 rows, and 16 at most', () => {
    expect(stagesOf(runsOf(llama, 16))).toEqual(['attention_split_subgroups', 'attention_combine']);
    expect(stagesOf(runsOf(llama, 17))).toEqual(['attention_tile', 'attention_tile']);
    const wideGroup = 'q_heads: 32, kv_heads: 1, head_dim: 64';
    expect(stagesOf(runsOf(wideGroup, 2))).toContain('attention_split_subgroups');
    expect(stagesOf(runsOf(wideGroup, 3))).not.toContain('attention_split_subgroups');
    const each = 'q_heads: 8, kv_heads: 8, head_dim: 64';
    expect(stagesOf(runsOf(each, 17))).not.toContain('attention_split_subgroups');
  });

  it('have a tile where there are no subgroups', () => {
    expect(stagesOf(runsOf(llama, 4, profiles.f16))).toEqual(['attention_tile', 'attention_tile']);
  });
});

describe('few tokens with matrices', () => {
  it('are worked on one by one where the registers of matrices do not hold both parts of given queries', () => {
    const wide = 'q_heads: 32, kv_heads: 8, head_dim: 256';
    expect(stagesOf(runsOf(llama, 4, profiles.matrix))).toContain('attention_matrix');
    expect(stagesOf(runsOf(wide, 4, profiles.matrix))).toEqual(['attention_split_subgroups', 'attention_combine']);
    expect(stagesOf(runsOf(wide, 100, profiles.matrix))).toEqual(['attention_matrix', 'attention_tile']);
  });
});
