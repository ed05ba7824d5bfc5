import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { kernelName } from '../../src/compiler/plan/kernel-name.ts';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

interface Options {
  readonly attention?: string;
  readonly profile?: TargetProfile;
}

function planned({ attention = '', profile = profiles.matrix }: Options) {
  const text = `gqac: 1
name: halves
model: { vocab: 40, hidden: 64, layers: 2, context: 64, norm: { kind: rms } }
attention: { q_heads: 2, head_dim: 32, rope: {}, mask: { causal: true }, cache: { dtype: f16 } ${attention} }
mlp: { kind: gated, activation: silu, width: 96 }
weights: { dtype: f16 }`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return planProgram(lower(shaped), profile);
}

/** Tensors that a prompt stores as f16. */
const halvesOf = (options: Options) =>
  [...new Set(planned(options).prefill.flatMap(({ halves = [] }) => halves))].sort();

describe('activations that are handed on as f16', () => {
  it('are those that matrix kernels alone read', () => {
    expect(halvesOf({})).toEqual(['mlp_hidden', 'normed', 'q', 'z']);
  });

  it('are the queries of heads with norms too', () => {
    for (const own of [', qk_norm: { kind: rms }', ', qk_norm: { kind: l2 }'])
      expect(halvesOf({ attention: own }), own).toEqual(['mlp_hidden', 'normed', 'q', 'z']);
  });

  it('are stored so by all that touch them in a prompt, and by nothing in decoding', () => {
    const { prefill, decode } = planned({});
    for (const { plan, bind, halves = [] } of prefill) {
      const touched = Object.values(bind).filter((name) => ['mlp_hidden', 'normed', 'q', 'z'].includes(name));
      expect([...halves].sort(), kernelName(plan)).toEqual([...new Set(touched)].sort());
    }
    expect(decode.every(({ halves }) => halves === undefined)).toBe(true);
  });

  it('are none where f32 tiles multiply', () => {
    expect(halvesOf({ profile: profiles.f16 })).toEqual([]);
  });

  it('are not what something else reads or writes too', () => {
    expect(halvesOf({ attention: ', gates: { head: true }' })).not.toContain('z');
    expect(halvesOf({ attention: ', normalizer: { kind: sigmoid }' })).toEqual(['mlp_hidden', 'normed']);
  });
});
