import { describe, expect, it } from 'vitest';
import { emitWgsl } from '../../src/compiler/emit-wgsl/emit.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { KernelPlan } from '../../src/compiler/plan/kernel-plan.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { shapedFrom } from '../ir/specs.ts';

/** The kernel of a stage in a step of decoding, or in a prompt. */
function kernelOf(attention: string, stage: KernelPlan['stage'], phase: 'decode' | 'prefill'): string {
  const text = `gqac: 1\nname: one\nattention: { ${attention}, mask: { causal: true }, cache: { dtype: f16 } }`;
  const plan = planProgram(lower(shapedFrom('spec.yaml', text)), profiles.matrix)[phase].find(
    (one) => one.plan.stage === stage,
  )?.plan;
  if (plan === undefined) throw new Error(`no ${stage} for ${attention}`);
  return emitWgsl(plan).code;
}

const bodyOf = (code: string, name: string) => code.split(`fn ${name}(`)[1]?.split('\n}\n')[0] ?? '';

describe('what is given as f32', () => {
  it('is not rounded where a step of decoding reads memory: the loops over the cache take slots for zero', () => {
    const code = kernelOf('q_heads: 8, kv_heads: 2, head_dim: 80, memory_kv: 9', 'attention_split_subgroups', 'decode');
    for (const name of ['keys_entries', 'values_entries']) {
      expect(bodyOf(code, name)).not.toContain('memory');
      expect(bodyOf(code, name)).toContain('if (column < PREFIX_COLUMNS) {\n    return vec4u(0);');
    }
    expect(bodyOf(code, 'memory_k_quad')).toContain('if (quad >= HEAD_QUADS)');
    expect(code.match(/key < prefix/g)).toHaveLength(2);
  });

  it('leaves the kernel without memory as it is', () => {
    const plain = kernelOf('q_heads: 8, kv_heads: 2, head_dim: 80', 'attention_split_subgroups', 'decode');
    expect(plain).not.toContain('prefix;');
    expect(plain).not.toContain('memory');
  });

  it('is multiplied in two parts where queries of one token meet latent rows, and rounded in a prompt', () => {
    const latent =
      'hidden: 64, q_heads: 128, mla: { kv_rank: 512, rope_dim: 64, nope_dim: 128, value_dim: 128, cache: latent }';
    const products = (code: string) => code.match(/subgroupMatrixMultiplyAccumulate\((query|rest)0_\d+/g) ?? [];
    const decode = products(kernelOf(latent, 'attention_latent', 'decode'));
    expect(decode.filter((one) => one.includes('rest'))).toHaveLength(decode.length / 2);
    expect(kernelOf(latent, 'attention_latent', 'prefill')).not.toContain('rest');
  });
});
