import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { nodesOf } from '../../src/compiler/plan/planned.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

/** A decoder on a device that binds so many buffers. */
function planned(attention: string, buffers = 9, profile: keyof typeof profiles = 'baseline') {
  const text = `gqac: 1
name: heads
model: { vocab: 64, hidden: 32, layers: 1, context: 64, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true }${attention} }
mlp: { kind: gated, activation: silu, width: 64 }`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const limits = { ...profiles[profile].limits, maxStorageBuffersPerShaderStage: buffers };
  return planProgram(lower(shaped), { ...profiles[profile], limits });
}

/** What the kernel that stores keys does for a token. */
function decoded(attention: string, buffers?: number) {
  const kernel = planned(attention, buffers).decode.find((dispatch) =>
    nodesOf(dispatch).some(({ op }) => op === 'append'),
  );
  return { stage: kernel?.plan.stage, nodes: kernel && nodesOf(kernel).map(({ op }) => op) };
}

const reasonFor = (attention: string, buffers?: number) =>
  planned(attention, buffers).rejected.find(({ node }) => node.op === 'append')?.reason;

describe('the kernel of queries, keys and values of one row', () => {
  it('turns and stores them, too', () => {
    const whole = { stage: 'linear_row', nodes: ['append', 'query_heads'] };
    expect(decoded(', rope: {}')).toEqual(whole);
    expect(decoded(', rope: { dim: 4, pairing: interleaved }')).toEqual(whole);
    expect(decoded('', 8)).toEqual(whole);
    expect(decoded(', rope: {}, cache: { kind: paged, page_size: 16 }', 10)).toEqual(whole);
    expect(reasonFor(', rope: {}')).toBeUndefined();
  });

  it('leaves prompts to other kernels', () => {
    const stages = planned(', rope: {}').prefill.map(({ plan }) => plan.stage);
    expect(stages).toContain('append_quads');
  });

  it('makes pairs in one workgroup', () => {
    for (const [name, width] of [
      ['baseline', 32],
      ['matrix', 32],
    ] as const) {
      const plans = planned(', rope: {}', 16, name).decode.map(({ plan }) => plan);
      const plan = plans.find((one) => one.stage === 'linear_row' && one.heads !== undefined);
      expect(plan).toMatchObject({ inWidth: width });
      expect(plan?.stage === 'linear_row' && plan.outputs % 2).toBe(0);
    }
  });

  it('says why it does not', () => {
    expect(reasonFor(', rope: {}', 8)).toBe('it would bind 9 storage buffers, the target has 8');
    expect(reasonFor(', rope: {}, qk_norm: { kind: rms }', 16)).toMatch(/norms of heads/);
    expect(reasonFor(', rope: {}, cache: { dtype: int8 }')).toMatch(/rows of int8/);
    expect(reasonFor(', rope: {}, cache: { dtype: f16 }')).toMatch(/share a word/);
    expect(reasonFor(', rope: {}, hooks: { names: [k] }')).toMatch(/not left to one kernel/);
    expect(reasonFor(', rope: {}, qk_norm: { kind: rms, weight: projection }')).toMatch(/not left to one kernel/);
  });
});
