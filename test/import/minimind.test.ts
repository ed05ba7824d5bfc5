import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { importMiniMind } from '../../src/compiler/import/minimind.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

const example = 'examples/shakespeare-minimind-gqa';
const sizes = { model_type: 'minimind', vocab_size: 6400, hidden_size: 512, num_hidden_layers: 8 };
const errorsOf = (config: Readonly<Record<string, unknown>>) =>
  importMiniMind(config)
    .notes.filter(({ severity }) => severity === 'error')
    .map(({ code, path }) => `${code} ${path}`);

describe('importMiniMind', () => {
  it('gives the spec of the example, byte for byte', async () => {
    const config = JSON.parse(await readFile(`${example}/config.json`, 'utf8'));
    const { spec } = importMiniMind(config, { name: 'shakespeare_minimind_gqa', weightsFile: 'model.safetensors' });
    const heading = ['yaml-language-server: $schema=../../grammar/generated/spec.schema.json'];
    expect(printYaml(spec ?? {}, { heading })).toBe(await readFile(`${example}/spec.yaml`, 'utf8'));
  });

  it('applies the defaults of MiniMind', () => {
    const { spec } = importMiniMind(sizes);
    expect(spec).toMatchObject({
      model: { context: 32768, tie_embeddings: true, norm: { kind: 'rms', eps: 1e-6 } },
      attention: { q_heads: 8, kv_heads: 4, head_dim: 64, rope: { dim: 64, base: 1e6, pairing: 'half' } },
      mlp: { kind: 'gated', activation: 'silu', width: 1664 },
    });
  });

  it('reads null KV heads as one for each query head, and an untied head', () => {
    const { spec } = importMiniMind({ ...sizes, num_key_value_heads: null, tie_word_embeddings: false });
    expect(spec).toMatchObject({ attention: { kv_heads: 8 } });
    expect(spec).not.toHaveProperty('model.tie_embeddings');
    expect(spec).toHaveProperty(['weights', 'names', 'head.weight'], 'lm_head.weight');
  });

  it('writes a mixture of experts, with a tensor for each', () => {
    const { spec, notes } = importMiniMind({
      ...sizes,
      use_moe: true,
      num_experts_per_tok: 2,
      moe_intermediate_size: 512,
    });
    expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(spec).toMatchObject({
      mlp: { width: 1664, experts: { count: 4, active: 2, width: 512, scoring: 'softmax', normalized: true } },
    });
    const names = (spec as unknown as { weights: { names: Record<string, string> } }).weights.names;
    expect(names).toMatchObject({
      'layers.{i}.mlp.router.weight': 'model.layers.{i}.mlp.gate.weight',
      'layers.{i}.mlp.experts.down.weight': 'model.layers.{i}.mlp.experts.{e}.down_proj.weight',
    });
    expect(Object.keys(names)).not.toContain('layers.{i}.mlp.up.weight');
    expect(checkSpec({ path: 'spec.yaml', text: printYaml(spec ?? {}) }).diagnostics).toEqual([]);
    const dense = importMiniMind({ ...sizes, use_moe: false, num_experts: 4, norm_topk_prob: true });
    expect(dense.spec).not.toHaveProperty('mlp.experts');
  });

  it('writes the shared expert of earlier mixtures', () => {
    const early = { ...sizes, use_moe: true, n_routed_experts: 6, n_shared_experts: 1, scoring_func: 'softmax' };
    const { spec } = importMiniMind(early);
    expect(spec).toMatchObject({ mlp: { experts: { count: 6, active: 2, shared: 1664 } } });
    expect(spec).toHaveProperty(
      ['weights', 'names', 'layers.{i}.mlp.shared.up.weight'],
      'model.layers.{i}.mlp.shared_experts.0.up_proj.weight',
    );
    expect(checkSpec({ path: 'spec.yaml', text: printYaml(spec ?? {}) }).diagnostics).toEqual([]);
    // Of a single expert they leave the weight as it is.
    expect(importMiniMind({ ...early, num_experts_per_tok: 1 }).spec).toHaveProperty('mlp.experts.normalized', false);
    expect(errorsOf({ ...early, n_shared_experts: 2 })).toEqual(['IMP002 n_shared_experts']);
    expect(errorsOf({ ...early, scoring_func: 'sigmoid' })).toEqual(['IMP002 scoring_func']);
  });

  it('writes YaRN where it changes the result', () => {
    const scaling = { type: 'yarn', factor: 4, original_max_position_embeddings: 1024, attention_factor: 1.25 };
    const yarn = { kind: 'yarn', beta_fast: 32, beta_slow: 1 };
    expect(importMiniMind({ ...sizes, rope_scaling: scaling }).spec).toMatchObject({
      attention: { rope: { scaling: { ...yarn, factor: 4, original_context: 1024, attention_factor: 1.25 } } },
    });
    const builtIn = importMiniMind({ ...sizes, inference_rope_scaling: true });
    expect(builtIn.spec).toMatchObject({
      attention: { rope: { scaling: { ...yarn, factor: 16, original_context: 2048, attention_factor: 1 } } },
    });
    expect(builtIn.notes.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('leaves YaRN out within the original context, and refuses what is not that of transformers', () => {
    const short = importMiniMind({ ...sizes, inference_rope_scaling: true, max_position_embeddings: 2048 });
    expect(short.spec).not.toHaveProperty('attention.rope.scaling');
    expect(short.notes).toContainEqual(expect.objectContaining({ code: 'IMP004', path: 'inference_rope_scaling' }));
    const scaling = { type: 'yarn', attention_factor: 1.25 };
    const refused = ['IMP002 rope_scaling'];
    const scaled = importMiniMind({ ...sizes, rope_scaling: scaling, max_position_embeddings: 2048 });
    expect(scaled.spec).toHaveProperty('attention.scale', 64 ** -0.5 * 1.25 ** 2);
    expect(scaled.spec).not.toHaveProperty('attention.rope.scaling');
    expect(errorsOf({ ...sizes, rope_scaling: scaling, rope_theta: 200 })).toEqual(refused);
    // A ramp that would end before it begins.
    const backwards = { type: 'yarn', original_max_position_embeddings: 1024, beta_fast: 1, beta_slow: 1024 };
    expect(errorsOf({ ...sizes, rope_scaling: backwards })).toEqual(refused);
    expect(errorsOf({ ...sizes, rope_scaling: { type: 'linear' } })).toEqual(['IMP002 rope_scaling.type']);
  });

  it('refuses unknown activations and fields', () => {
    expect(errorsOf({ ...sizes, hidden_act: 'mish' })).toEqual(['IMP002 hidden_act']);
    expect(errorsOf({ ...sizes, num_kv_heads: 2 })).toEqual(['IMP001 num_kv_heads']);
  });

  it('needs a whole head_dim', () => {
    expect(errorsOf({ ...sizes, num_attention_heads: 7 })).toEqual(['IMP005 head_dim']);
    expect(importMiniMind({ ...sizes, num_attention_heads: 7, head_dim: 64 }).spec).toBeDefined();
  });
});
