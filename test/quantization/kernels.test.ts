import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const specs = {
  'int8, gated, a head with softcap, biases': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24, final_softcap: 30 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 24, biases: [q, o], gates: { value: silu, head: true }, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 96, biases: [up, down] }
weights: { dtype: int8 }`,
  'int4, plain, tied embeddings, results of heads': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24, tie_embeddings: true }
attention: { q_heads: 2, head_dim: 32, hooks: { names: [result] }, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 192 }
weights: { dtype: int4, group: 64 }`,
  'int8, the table of tokens, which the head reads too': `
model: { vocab: 35, hidden: 96, layers: 1, context: 24, tie_embeddings: true, embedding_scale: 3, positions: { kind: learned } }
attention: { q_heads: 3, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 64 }
weights: { dtype: int8, embeddings: quantized }`,
  'int4, a table of tokens that is narrower': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24, embedding_width: 32, tie_embeddings: true }
attention: { q_heads: 2, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 64 }
weights: { dtype: int4, embeddings: quantized }`,
  'int4 in groups of 128, and an odd number of these': `
attention: { hidden: 384, q_heads: 3, head_dim: 128 }
weights: { dtype: int4, group: 128 }`,
  'int8, experts with biases and a shared one': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24 }
attention: { q_heads: 2, head_dim: 32, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 32, experts: { count: 5, active: 2, biases: [up, gate, down], shared: { width: 64 } } }
weights: { dtype: int8 }`,
  'int4, an input for each head': `
attention: { hidden: 64, q_heads: 4, kv_heads: 2, head_dim: 16, inputs: split_qkv }
weights: { dtype: int4 }`,
  'int4, latent keys': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24 }
attention: { q_heads: 2, mla: { q_rank: 32, kv_rank: 32, nope_dim: 16, rope_dim: 16, value_dim: 32 }, rope: {}, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 64 }
weights: { dtype: int4 }`,
  'int8, latent rows that are cached': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24 }
attention: { q_heads: 2, mla: { kv_rank: 32, nope_dim: 16, rope_dim: 16, value_dim: 32, cache: latent }, rope: {}, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 64 }
weights: { dtype: int8 }`,
  'int4, matrices stored [in, out], q, k and v in one': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24, tie_embeddings: true }
attention: { q_heads: 2, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 96 }
weights:
  dtype: int4
  names:
${['q', 'k', 'v'].map((part, n) => `    "layers.{i}.attn.${part}.weight": { tensor: "h.{i}.qkv", transposed: true, rows: [${64 * n}, ${64 * n + 64}] }`).join('\n')}`,
  'int8, a tensor for each expert': `
model: { vocab: 35, hidden: 64, layers: 1, context: 24 }
attention: { q_heads: 2, mask: { causal: true } }
mlp: { kind: plain, activation: relu, width: 32, experts: { count: 3, active: 2 } }
weights:
  dtype: int8
  names:
    "layers.{i}.mlp.experts.up.weight": { tensor: "h.{i}.{e}.up", transposed: true }
    "layers.{i}.mlp.experts.down.weight": "h.{i}.{e}.down"`,
} as const;

describe('every kernel on matrices of integers, against the reference', () => {
  it.each(Object.entries(specs))('%s', { timeout: 180_000 }, async (_, yaml) => {
    const shaped = shapedOf(yaml.trim());
    const checkpoint = await randomCheckpoint(shaped, 5);
    const options = { device: gpu.device, checkpoint, tokens: 5, seed: 5 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.some(({ stage }) => stage === 'prefill')).toBe(true);
  });
});
