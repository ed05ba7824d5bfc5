import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { nodesOf } from '../../src/compiler/plan/planned.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

/** What each kernel of heads computes in a prompt, and in a token. */
function kernelsOf(attention: string, buffers = 8) {
  const text = `gqac: 1
name: joined
model: { vocab: 64, hidden: 32, layers: 1, context: 64, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true }, rope: {}${attention} }
mlp: { kind: gated, activation: silu, width: 64 }`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const limits = { ...profiles.baseline.limits, maxStorageBuffersPerShaderStage: buffers };
  const { prefill, decode } = planProgram(lower(shaped), { ...profiles.baseline, limits });
  return [prefill, decode].map((dispatches) =>
    dispatches
      .filter(({ plan }) => /^(append|query_heads|append_quads|rotate_heads)$/.test(plan.stage))
      .map((dispatch) => nodesOf(dispatch).map(({ op }) => op)),
  );
}

const together = [['append', 'query_heads']];
const apart = [['query_heads'], ['append']];

describe('queries and keys', () => {
  it('are normalised, rotated and stored by one kernel', () => {
    expect(kernelsOf('')).toEqual([together, together]);
    expect(kernelsOf(', cache: { dtype: int8 }')).toEqual([together, together]);
  });

  it('have kernels of their own where a device has too few bindings', () => {
    const norm = ', qk_norm: { kind: rms }';
    expect(kernelsOf(norm, 8)).toEqual([apart, apart]);
    expect(kernelsOf(norm, 9)).toEqual([together, together]);
  });

  it('have kernels of their own where they are not made alike', () => {
    expect(kernelsOf(', qk_norm: { kind: rms, k: false }', 16)).toEqual([apart, apart]);
  });
});
