import { describe, expect, it } from 'vitest';
import { detectSource, importConfig } from '../../src/compiler/import/import-config.ts';

describe('detectSource', () => {
  it.each([
    [{ model_type: 'minimind' }, 'minimind'],
    [{ n_layers: 2, d_model: 64, d_head: 16 }, 'transformer-lens'],
    [{ wrapper: {}, decoder: {} }, 'x-transformers'],
    [{ kwargs: { dim: 64 }, call: {} }, 'x-transformers'],
    [{ q_heads: 4, head_dim: 32 }, 'sdpa'],
    [{ kwargs: { d_in: 48, d_out: 48 } }, 'llms-from-scratch'],
    [{ emb_dim: 768, n_layers: 12, n_heads: 12 }, 'llms-from-scratch'],
    [{ kwargs: { width: 48 } }, undefined],
    [{ model_type: 'llama' }, 'hf'],
    [{ text_config: { model_type: 'gemma3_text' } }, 'hf'],
    [null, undefined],
    [[1], undefined],
    ['text', undefined],
  ])('%j is %s', (config, source) => {
    expect(detectSource(config)).toBe(source);
  });
});

describe('importConfig', () => {
  it('reports what it does not know', () => {
    expect(importConfig({ hidden: 64 }, undefined).notes.map(({ code }) => code)).toEqual(['IMP006']);
  });

  it('imports bare attention', () => {
    const config = {
      family: 'sdpa',
      q_heads: 8,
      kv_heads: 2,
      head_dim: 16,
      value_dim: 16,
      causal: true,
      window: null,
      softcap: null,
      sinks: false,
      bias: false,
      mem_kv: 4,
      group_order: 'interleaved',
      scale: 0.25,
    };
    const { spec, notes } = importConfig(config, undefined, { name: 'gqa mem4!' });
    expect(notes).toEqual([]);
    expect(spec).toEqual({
      gqac: 1,
      name: 'gqa_mem4',
      attention: {
        q_heads: 8,
        kv_heads: 2,
        group_order: 'interleaved',
        head_dim: 16,
        scale: 0.25,
        memory_kv: { slots: 4 },
        mask: { causal: true },
      },
      weights: { names: { 'attn.memory_k': 'mem_k', 'attn.memory_v': 'mem_v' } },
    });
  });
});
