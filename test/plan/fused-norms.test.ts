import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

/** Norms that have a dispatch of their own, by kind of call. */
function ownNorms(model: string, rest = '') {
  const text = `gqac: 1
name: fused
model: { vocab: 40, hidden: 16, layers: 2, context: 64, ${model} }
attention: { q_heads: 2, head_dim: 8, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 24${rest} }`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const { prefill, decode } = planProgram(lower(shaped), profiles.baseline);
  const norms = (dispatches: typeof prefill) => dispatches.filter(({ plan }) => plan.stage === 'norm').length;
  const through = decode.filter(({ plan }) => plan.stage === 'linear_row' && plan.norm !== undefined).length;
  return { prefill: norms(prefill), decode: norms(decode), through };
}

describe('norms before products', () => {
  it('are computed by the products of one row, and by the logits of a prompt', () => {
    // q, k and v together, and up with its gate in two layers, and the logits.
    expect(ownNorms('norm: { kind: rms }')).toEqual({ prefill: 4, decode: 0, through: 5 });
  });

  it('are kernels of their own when they subtract a mean', () => {
    expect(ownNorms('norm: { kind: layer }')).toEqual({ prefill: 5, decode: 5, through: 0 });
  });

  it('are kernels of their own when the stream changes before their last reader', () => {
    expect(ownNorms('norm: { kind: rms }, block: { parallel: one_norm }')).toMatchObject({ decode: 2 });
  });

  it('are kernels of their own when a router reads them too', () => {
    const { decode } = ownNorms('norm: { kind: rms }', ', experts: { count: 4, active: 2 }');
    expect(decode).toBe(2);
  });
});
