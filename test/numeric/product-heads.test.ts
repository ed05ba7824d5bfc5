import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from './harness.ts';

const gpu = useDevice();

/** A device that binds more buffers than every device does. */
const wide = {
  ...profiles.baseline,
  limits: { ...profiles.baseline.limits, maxStorageBuffersPerShaderStage: 12 },
};

const specs = {
  'halves of heads': `
model: { vocab: 33, hidden: 64, layers: 2, context: 32, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 24, rope: { pairing: half }, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 96 }`,
  'a part of each head, biases, a ring': `
model: { vocab: 33, hidden: 64, layers: 1, context: 32, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 1, head_dim: 32, biases: [q, k, v], rope: { pairing: half, dim: 16 }, mask: { causal: true, window: 8 }, cache: { kind: ring } }
mlp: { kind: gated, activation: silu, width: 96 }
weights: { dtype: int8 }`,
  'neighbours, values that are narrower, clipped, in pages': `
model: { vocab: 33, hidden: 64, layers: 1, context: 32, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 24, value_dim: 12, clip_qkv: 1, rope: { pairing: interleaved }, mask: { causal: true }, cache: { kind: paged, page_size: 16 } }
mlp: { kind: gated, activation: silu, width: 96 }`,
};

describe('a kernel that multiplies, turns and stores heads', () => {
  it.each(Object.entries(specs))('%s', async (_, text) => {
    const shaped = shapedOf(text);
    const compiled = compileModule(shaped, [wide]);
    const ofHeads = compiled.programs[0]?.decode.filter(({ plan }) => plan.stage === 'linear_row' && plan.heads);
    expect(ofHeads).toHaveLength(shaped.layers.length);
    const checkpoint = await randomCheckpoint(shaped, 3);
    const { device } = gpu;
    const { entries, skipped } = await verifyModule(shaped, compiled, { device, checkpoint, tokens: 12, seed: 5 });
    expect(skipped).toEqual([]);
    expect(entries.some(({ stage, tensor }) => stage === 'decode' && tensor.endsWith('cache.v'))).toBe(true);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
  });
});
