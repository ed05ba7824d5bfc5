import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { LinearNode } from '../../src/compiler/ir/nodes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { nodesOf } from '../../src/compiler/plan/planned.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

/** The weights of the products that share a kernel in decoding, by kernel. */
function kernelsOf(attention: string, rest = '', buffers = 8): readonly (readonly string[])[] {
  const text = `gqac: 1
name: joined
model: { vocab: 64, hidden: 32, layers: 1, context: 64, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true }${attention} }
mlp: { kind: gated, activation: silu, width: 64 }
${rest}`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const limits = { ...profiles.baseline.limits, maxStorageBuffersPerShaderStage: buffers };
  const { decode } = planProgram(lower(shaped), { ...profiles.baseline, limits });
  const rows = decode.filter(({ plan }) => plan.stage === 'linear_row');
  const isLinear = (node: { op: string }): node is LinearNode => node.op === 'linear';
  return rows.map((dispatch) =>
    [...(dispatch.prologue ?? []), ...nodesOf(dispatch)]
      .filter(isLinear)
      .map(({ weight }) => weight.replace('layers.0.', '')),
  );
}

const others = [['attn.o.weight'], ['mlp.up.weight'], ['mlp.down.weight'], ['head.weight']];

describe('products of one row', () => {
  it('are made by one kernel where they have one x', () => {
    expect(kernelsOf('')).toEqual([['attn.q.weight', 'attn.k.weight', 'attn.v.weight'], ...others]);
    expect(kernelsOf('', 'weights: { dtype: int4 }')[0]).toEqual(['attn.q.weight', 'attn.k.weight', 'attn.v.weight']);
  });

  it('are made by as few kernels as the bindings of a device allow', () => {
    const biased = ', biases: [q, k, v]';
    expect(kernelsOf(biased)).toEqual([['attn.q.weight', 'attn.k.weight'], ['attn.v.weight'], ...others]);
    expect(kernelsOf(biased, '', 16)[0]).toHaveLength(3);
    expect(kernelsOf('', '', 4)[0]).toEqual(['attn.q.weight']);
  });

  it('are kernels of their own where something is done to one of them before the next', () => {
    const [first] = kernelsOf(', qk_norm: { kind: rms, weight: projection }');
    expect(first).toEqual(['attn.q.weight']);
  });
});
