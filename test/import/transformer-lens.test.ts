import { describe, expect, it } from 'vitest';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';
import { errorsOf } from './hf/helpers.ts';

const gpt2 = {
  model_name: 'gpt2',
  n_layers: 2,
  d_model: 64,
  n_ctx: 128,
  d_head: 16,
  n_heads: 4,
  d_mlp: 256,
  d_vocab: 97,
  act_fn: 'gelu_new',
  eps: 1e-5,
  normalization_type: 'LN',
  positional_embedding_type: 'standard',
  attention_dir: 'causal',
  use_attn_scale: true,
  attn_scores_soft_cap: -1,
  seed: 0,
};

function shapedOf(config: object) {
  const { spec, notes } = importConfig(config, undefined);
  expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(spec ?? {}) });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return shaped;
}

describe('importTransformerLens', () => {
  it('gives a model that the checker accepts', () => {
    const shaped = shapedOf(gpt2);
    expect(shaped?.layers[0]?.attention).toMatchObject({
      heads: { qHeads: 4, kvHeads: 4 },
      headDim: 16,
      mask: { causal: true },
      biases: { q: true, k: true, v: true, o: true },
    });
    expect(shaped?.layers[0]?.mlp).toMatchObject({ kind: 'plain', activation: 'gelu_tanh', width: 256 });
    expect(shaped?.name).toBe('gpt2');
  });

  it('reads grouped heads, rotary positions and caps', () => {
    const rotary = {
      positional_embedding_type: 'rotary',
      rotary_dim: 8,
      rotary_base: 5e5,
      rotary_adjacent_pairs: true,
    };
    const shaped = shapedOf({ ...gpt2, ...rotary, n_key_value_heads: 2, attn_scores_soft_cap: 50, gated_mlp: true });
    expect(shaped?.layers[0]?.attention).toMatchObject({
      heads: { qHeads: 4, kvHeads: 2 },
      rope: { dim: 8, base: 5e5, pairing: 'interleaved' },
      softcap: { cap: 50 },
    });
    expect(shaped?.layers[0]?.mlp?.kind).toBe('gated');
  });

  it('reads split inputs', () => {
    expect(shapedOf({ ...gpt2, use_split_qkv_input: true })?.layers[0]?.attention.inputs).toBe('split');
  });

  it('reads local layers', () => {
    const shaped = shapedOf({ ...gpt2, use_local_attn: true, window_size: 8, attn_types: ['global', 'local'] });
    expect(shaped?.layers.map(({ attention }) => attention.mask.window)).toEqual([undefined, 8]);
    expect(shaped?.layerKinds).toEqual(['full', 'sliding']);
  });

  it('refuses what a spec cannot say', () => {
    const refused = (config: object) => errorsOf(importConfig({ ...gpt2, ...config }, undefined));
    expect(refused({ act_fn: 'solu_ln' })).toEqual(['IMP002 act_fn']);
    expect(refused({ attn_only: true })).toEqual(['IMP002 attn_only']);
    expect(refused({ normalization_type: null })).toEqual(['IMP002 normalization_type']);
    expect(refused({ positional_embedding_type: 'shortformer' })).toEqual(['IMP002 positional_embedding_type']);
    expect(refused({ d_vocab_out: 5 })).toEqual(['IMP002 d_vocab_out']);
    expect(refused({ use_local_attn: true, attn_types: ['local'] })).toEqual(['IMP005 attn_types']);
    expect(refused({ n_key_value_head: 2 })).toEqual(['IMP001 n_key_value_head']);
  });
});
