import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const all = '[q, k, v, rot_q, rot_k, scores, pattern, z, result]';

const specs = {
  grouped: `attention: { hidden: 30, q_heads: 4, kv_heads: 2, head_dim: 8, value_dim: 6, rope: {}, qk_norm: { kind: rms }, mask: { causal: true }, memory_kv: { slots: 3, normalized: true }, zero_kv: true, sinks: true, softcap: 5, hooks: ${all} }`,
  'mixed heads and gates': `attention: { hidden: 32, q_heads: 4, alibi: {}, head_mixing: [pre, post, pre_scale_post], gates: { head_scale: true, head: true }, biases: [q, k, v, o], group_order: interleaved, kv_heads: 2, hooks: ${all} }`,
  'hidden queries': `attention: { hidden: 32, q_heads: 4, out_hidden: 20, mask: { padding: keys_and_queries, window: 5 }, hooks: [hook_attn_scores, hook_pattern, hook_result] }`,
  cross: `attention: { hidden: 32, q_heads: 4, kv_heads: 2, cross: 20, qk_norm: { kind: l2 }, cache: { dtype: f16 }, normalizer: { kind: topk, k: 3 }, hooks: ${all} }`,
  'given heads':
    'attention: { q_heads: 4, kv_heads: 2, head_dim: 8, bias: {}, mask: { causal: true }, normalizer: sigmoid, hooks: [scores, pattern] }',
  'one layer of a model': `model: { vocab: 20, hidden: 32, layers: 3, context: 24 }
mlp: { activation: silu, width: 40 }
attention: { q_heads: 4, kv_heads: 2, rope: {}, mask: { causal: true }, value_residual: {}, value_norm: {}, hooks: { names: ${all}, layers: [0, 2] } }`,
} as const;

describe('hooks', () => {
  const gpu = useDevice();

  it.each(Object.entries(specs))('give what the reference gives: %s', { timeout: 60_000 }, async (_, text) => {
    const shaped = shapedOf(text);
    const checkpoint = await randomCheckpoint(shaped, 3);
    const compiled = compileModule(shaped);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 13, seed: 2 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    const asked = compiled.definition.buffers.filter(({ role }) => role === 'output').map(({ name }) => name);
    const compared = new Set(entries.map(({ tensor }) => tensor));
    const hooks = asked.filter((name) => name.includes('hooks.'));
    expect(hooks.length).toBeGreaterThan(1);
    for (const hook of hooks) expect(compared).toContain(hook.replace(/layers\.\d+/, 'layers.{i}'));
  });
});
