import { expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
const heads = 'hidden: 20, q_heads: 6, kv_heads: 3, head_dim: 6, mask: { causal: true }';
const ranges = 'ranges: [{ kv_heads: [0], dtype: f32 }, { kv_heads: [2], dtype: f32 }]';

const cases = {
  'heads left out, biases of heads': `attention: { ${heads}, heads: { active: [0, 1, 3] }, alibi: {}, bias: { heads: true } }`,
  'parts of matrices that are stored otherwise': `weights:
  dtype: f16
  names:
    attn.q.weight: { tensor: qk, transposed: true, rows: [0, 36] }
    attn.k.weight: { tensor: qk, transposed: true, rows: [36, 54] }
    attn.v.weight: { tensor: v, blocks: { count: 3, from: 2, size: 6, stride: 8 } }
    attn.o.weight: { tensor: o, transposed: true }
attention: { ${heads}, heads: { active: [0, 2, 3, 5] }, t5_bias: {}, sinks: true }`,
  'two precisions': `attention: { ${heads}, cache: { dtype: f16, ${ranges} }, score: "s - 0.1 * (h + kv) * (q - k)" }`,
  'two precisions in pages, memory': `attention: { ${heads}, memory_kv: 2, rope: {}, cache: { dtype: f16, kind: paged, page_size: 4, ${ranges} } }`,
  'two precisions in rings of a model': `model: { vocab: 12, hidden: 24, layers: 2, context: 40 }
mlp: { activation: silu, width: 16 }
attention: { q_heads: 6, kv_heads: 3, head_dim: 8, heads: { active: [0, 2, 3, 4] }, mask: { causal: true, window: 5 }, cache: { kind: ring, dtype: f16, ${ranges} } }`,
};

it.each(Object.entries(cases))(
  'kernels compute what the f64 reading says: %s',
  { timeout: 60_000 },
  async (_, yaml) => {
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const options = { device: gpu.device, checkpoint, tokens: 21, seed: 3 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.filter(({ stage }) => stage === 'whole').length).toBeGreaterThan(0);
  },
);
