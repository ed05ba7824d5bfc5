import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { allowedOfCalls } from '../../src/verify/allowed-errors.ts';
import { callTolerances } from '../../src/verify/tolerances.ts';
import { shapedOf } from '../numeric/harness.ts';

const model = (cache: string) => `
model: { vocab: 64, hidden: 64, layers: 1, context: 64 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 16, mask: { causal: true }, cache: { dtype: ${cache} } }
mlp: { activation: silu, width: 64 }
weights: { dtype: f16 }`;

describe('what whole calls may differ by', () => {
  it.each([
    ['baseline', 'f32', 'f32'],
    ['matrix', 'f32', 'f16'],
    ['baseline', 'f16', 'f16'],
    ['matrix', 'int8', 'int8'],
  ] as const)('of variant %s with a cache of %s is the tolerance of %s', (id, cache, expected) => {
    const shaped = shapedOf(model(cache).trim());
    const [program] = compileModule(shaped, [profiles[id]]).programs;
    expect(program && allowedOfCalls(shaped, program)).toBe(callTolerances[expected]);
  });
});
