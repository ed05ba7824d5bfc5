import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { base, kindsOf, withLayers } from './helpers.ts';

const gpu = useDevice();

describe('a model whose layers differ', () => {
  it.each([
    [
      'in kv_heads, head_dim, window, memory and rope',
      kindsOf('{ kv_heads: 1, head_dim: 8, mask: { window: 5, memory: always }, memory_kv: 2, rope: { base: 1e4 } }'),
    ],
    ['in rope and memory that some do not have', kindsOf('{ mask: { window: 4 }, memory_kv: none }', '{ rope: none }')],
    ['in value widths and the storage of the cache', kindsOf('{ value_dim: 20 }', '{ cache: { dtype: f16 } }')],
    [
      'in the values that they mix in',
      kindsOf('{ q_heads: 2, head_dim: 8, value_dim: 12 }', '{ value_residual: { mix: learned } }'),
    ],
    [
      'in the scaling of rope, which may go by the capacity',
      withLayers(
        'kinds:',
        '  a: { attention: { rope: { scaling: { kind: linear, factor: 4 } } } }',
        '  b: { attention: { rope: { scaling: { kind: linear, factor: 2 } } } }',
        '  c: { attention: { rope: { scaling: { kind: dynamic, factor: 2, original_context: 8 } } } }',
        '  d: { attention: { rope: { base: 100, scaling: { kind: yarn, factor: 4, original_context: 64, beta_fast: 8 } } } }',
        'pattern: [a, b, c, d]',
      ),
    ],
    ['in the MLP', `${base}layers: { kinds: { a: { mlp: { width: 31, kind: plain } }, b: {} }, pattern: [b, a, a] }\n`],
  ])('%s computes what the oracle computes', async (_, yaml) => {
    const text = yaml.replace('gqac: 1\nname: mixed\n', '');
    const shaped = shapedOf(text);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const compiled = compileModule(shaped);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 11, seed: 3 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    const verified = new Set(entries.flatMap(({ kernels }) => kernels));
    for (const { id, kernels } of compiled.definition.variants) {
      if (!entries.some(({ variant }) => variant === id)) continue;
      for (const kernel of Object.keys(kernels)) expect(verified).toContain(kernel);
    }
  });
});
