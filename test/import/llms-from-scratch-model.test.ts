import { describe, expect, it } from 'vitest';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';
import { errorsOf, parameterCount } from './hf/helpers.ts';

const gpt = {
  vocab_size: 50257,
  context_length: 1024,
  emb_dim: 768,
  n_heads: 12,
  n_layers: 12,
  drop_rate: 0.1,
  qkv_bias: false,
};

const llama2 = {
  vocab_size: 32000,
  context_length: 4096,
  emb_dim: 4096,
  n_heads: 32,
  n_layers: 32,
  hidden_dim: 11008,
  dtype: 'torch.bfloat16',
};

const llama32 = {
  vocab_size: 128256,
  context_length: 131072,
  emb_dim: 2048,
  n_heads: 32,
  n_layers: 16,
  hidden_dim: 8192,
  n_kv_groups: 8,
  rope_base: 500000.0,
  rope_freq: { factor: 32.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context_length: 8192 },
};

const qwen3 = {
  vocab_size: 151936,
  context_length: 40960,
  emb_dim: 1024,
  n_heads: 16,
  n_layers: 28,
  hidden_dim: 3072,
  head_dim: 128,
  qk_norm: true,
  n_kv_groups: 8,
  rope_base: 1000000.0,
};

function shapedOf(config: object) {
  const { spec, notes } = importConfig(config, undefined);
  expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(spec ?? {}) });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (shaped === undefined) throw new Error('the checker refuses it');
  return shaped;
}

describe('dictionaries of LLMs-from-scratch', () => {
  it.each([
    ['GPT_CONFIG_124M', gpt, 163_009_536],
    ['LLAMA2_CONFIG_7B', llama2, 6_738_415_616],
    ['LLAMA32_CONFIG', llama32, 1_498_482_688],
    ['QWEN_CONFIG_06_B', qwen3, 751_632_384],
  ])('%s has as many parameters as there, where the head is not tied', (_, config, parameters) => {
    expect(parameterCount(shapedOf(config))).toBe(parameters);
  });

  it('read n_kv_groups as the number of KV heads', () => {
    const [layer] = shapedOf(llama32).layers;
    expect(layer?.attention).toMatchObject({
      heads: { qHeads: 32, kvHeads: 8 },
      rope: { dim: 64, base: 500000, pairing: 'half', scaling: { kind: 'llama3', factor: 32 } },
    });
  });

  it('name the weights that the modules have', () => {
    const tensors = shapedOf({ ...gpt, qkv_bias: true, n_layers: 1 }).weights.map(({ source }) => source.tensor);
    expect(tensors).toContain('trf_blocks.0.att.W_query.bias');
    expect(tensors).toContain('trf_blocks.0.norm1.scale');
    expect(shapedOf(qwen3).weights.map(({ source }) => source.tensor)).toContain('trf_blocks.27.att.q_norm.scale');
  });

  it('need their sizes, and drop no field', () => {
    expect(errorsOf(importConfig({ ...gpt, n_head: 4 }, undefined))).toEqual(['IMP001 n_head']);
    expect(errorsOf(importConfig({ emb_dim: 768, n_layers: 1 }, undefined))).toEqual([
      'IMP005 vocab_size',
      'IMP005 n_heads',
      'IMP005 context_length',
    ]);
  });
});
