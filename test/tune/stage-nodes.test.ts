import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { nodeVariant } from '../../src/tune/node-variant.ts';
import { nodesByStage } from '../../src/tune/stage-nodes.ts';
import { shapedOf } from '../numeric/harness.ts';

const shaped = shapedOf(`model: { vocab: 100, hidden: 256, layers: 3, context: 64, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 32, rope: {}, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: gated, activation: silu, width: 512 }
weights: { dtype: f16 }
`);
const workload = { name: 'model', shaped, module: lower(shaped), sizes: { tokens: 64, keys: 64 } };
const program = planProgram(workload.module, profiles.matrix);
const stages = nodesByStage(program, workload.sizes);

describe('what a stage is tried on', () => {
  it('is what the whole program runs: kernels of several nodes, once for all layers', () => {
    const rows = stages.get('linear_row') ?? [];
    const joined = rows.find(({ nodes }) => nodes.length > 1);
    expect(joined).toMatchObject({ nodes: [{ op: 'append' }, { op: 'query_heads' }], count: 3 });
    const ofTokens = rows.filter(({ size }) => size.tokens === 1).flatMap(({ nodes }) => nodes);
    expect(new Set(ofTokens).size).toBe(ofTokens.length);
  });

  it('reads what the nodes before hand on, as they store it', () => {
    const [product] = stages.get('linear_matrix') ?? [];
    if (product === undefined) throw new Error('the stage is there');
    const { dispatches, define } = nodeVariant(workload, product, program);
    expect(dispatches.some(({ halves = [] }) => halves.length > 0)).toBe(true);
    const [variant] = define().variants;
    expect(variant?.prefill).toHaveLength(dispatches.length);
    expect(variant?.prepare).toEqual([]);
  });

  it.each([...stages])('%s: has all that its kernels bind, and nothing else', (_, all) => {
    for (const one of all) {
      const { weights, buffers, tables, variants } = nodeVariant(workload, one, program).define();
      const known = new Set([...weights, ...buffers, ...tables].map(({ name }) => name));
      const steps = new Set(['step', 'sequences', 'context_step', 'context_sequences']);
      const layer = String(one.nodes[0]?.layer);
      const bound = (variants[0]?.prefill ?? []).flatMap(({ bind }) => bind.map((name) => name.replace('{i}', layer)));
      expect(bound.filter((name) => !known.has(name) && !steps.has(name))).toEqual([]);
      expect([...known].filter((name) => !bound.includes(name))).toEqual([]);
    }
  });
});
