import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { sessionBuffers } from '../../src/runtime/abi1/session-buffers.ts';
import { exampleSpec, shapedFrom } from '../ir/specs.ts';

/** Nine buffers for a fused form: devices with eight take separate steps, whose scores are of all pairs. */
const many = `gqac: 1
name: many
attention:
  q_heads: 4
  kv_heads: 2
  head_dim: 64
  memory_kv: 8
  sinks: true
  mask: { causal: true, padding: keys, documents: true }
  cache: { dtype: f16 }
`;

describe('buffers of a session', () => {
  it('are all that its variant binds, and no scratch of others', async () => {
    const specs = [await exampleSpec('shakespeare-xt-mem-mqa'), shapedFrom('many.yaml', many)];
    for (const { definition } of specs.map((shaped) => compileModule(shaped))) {
      const declared = new Map(definition.buffers.map((buffer) => [buffer.name, buffer]));
      for (const variant of definition.variants) {
        const names = sessionBuffers(definition, variant).map(({ name }) => name);
        const bound = [variant.prefill, variant.decode, variant.sample].flat().flatMap(({ bind }) => bind);
        const scratch = (name: string) => declared.get(name)?.role === 'activation';
        expect(names.filter(scratch).sort(), variant.id).toEqual([...new Set(bound.filter(scratch))].sort());
        const others = definition.buffers.filter(({ role }) => role !== 'activation' && role !== 'prepared');
        expect(names).toEqual(expect.arrayContaining(others.map(({ name }) => name)));
      }
    }
  });

  it('have scores of all pairs only where separate steps are taken', () => {
    const { definition } = compileModule(shapedFrom('many.yaml', many));
    const withScores = definition.variants.filter((variant) =>
      sessionBuffers(definition, variant).some(({ name }) => name.startsWith('scores_')),
    );
    expect(definition.variants.map(({ id }) => id)).toContain('matrix');
    expect(withScores.map(({ id }) => id)).toContain('baseline');
    expect(withScores.map(({ id }) => id)).not.toContain('matrix');
  });
});
