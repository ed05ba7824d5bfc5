import { describe, expect, it } from 'vitest';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { importLlmsFromScratch } from '../../src/compiler/import/llms-from-scratch/llms-from-scratch.ts';
import { importSdpa } from '../../src/compiler/import/sdpa.ts';

describe('importLlmsFromScratch', () => {
  const kwargs = { d_in: 48, d_out: 64, dropout: 0, num_heads: 8, qkv_bias: true };

  it('reads num_kv_groups as the number of KV heads, without a bias on the output', () => {
    const config = { kwargs: { ...kwargs, num_kv_groups: 2 } };
    expect(importLlmsFromScratch(config, { name: 'gqa' }).spec).toEqual({
      gqac: 1,
      name: 'gqa',
      attention: {
        q_heads: 8,
        kv_heads: 2,
        head_dim: 8,
        biases: ['q', 'k', 'v'],
        mask: { causal: true },
        hidden: 48,
        out_hidden: 64,
      },
      weights: {
        names: {
          'attn.q.weight': 'W_query.weight',
          'attn.q.bias': 'W_query.bias',
          'attn.k.weight': 'W_key.weight',
          'attn.k.bias': 'W_key.bias',
          'attn.v.weight': 'W_value.weight',
          'attn.v.bias': 'W_value.bias',
          'attn.o.weight': 'out_proj.weight',
        },
      },
    });
    expect(importConfig(config, undefined).spec).toEqual({ ...importLlmsFromScratch(config).spec });
  });

  it('gives plain attention a bias on the output, with or without the others', () => {
    const { spec } = importLlmsFromScratch({ kwargs: { d_in: 64, d_out: 64, context_length: 9, num_heads: 4 } });
    expect(spec).toMatchObject({ attention: { q_heads: 4, kv_heads: 4, biases: ['o'] } });
    expect(spec).not.toHaveProperty('attention.out_hidden');
    expect(spec).toHaveProperty(['weights', 'names', 'attn.o.bias'], 'out_proj.bias');
    expect(spec).not.toHaveProperty(['weights', 'names', 'attn.q.bias']);
  });

  it('needs sizes that fit', () => {
    const { spec, notes } = importLlmsFromScratch({ kwargs: { ...kwargs, num_heads: 7, num_groups: 2 } });
    expect(spec).toBeUndefined();
    expect(notes.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'IMP004 kwargs.dropout',
      'IMP001 kwargs.num_groups',
      'IMP005 kwargs.d_out',
    ]);
  });
});

describe('importSdpa', () => {
  const config = { q_heads: 8, kv_heads: 2, head_dim: 32, value_dim: 48, causal: true, group_order: 'blocked' };

  it('imports window, sinks and softcap', () => {
    const { spec, notes } = importSdpa({ ...config, window: 16, sinks: true, softcap: 5, mem_kv: 2 });
    expect(spec).toMatchObject({
      attention: { sinks: true, softcap: 5, mask: { causal: true, window: 16, memory: 'always' } },
      weights: { names: { 'attn.memory_k': 'mem_k', 'attn.memory_v': 'mem_v', 'attn.sinks': 'sinks' } },
    });
    expect(spec).not.toHaveProperty('attention.logits_order');
    expect(notes.map(({ code, path }) => `${code} ${path}`)).toEqual(['IMP003 window']);
  });

  it('imports a bias, capped before it is added', () => {
    const tensors = { 'in.bias': ['float64', [4, 24, 40]] };
    const { spec, notes } = importSdpa({ ...config, bias: true, softcap: 5, window: null, tensors });
    expect(spec).toMatchObject({ attention: { bias: { batch: false, heads: true }, logits_order: ['cap', 'bias'] } });
    expect(notes).toEqual([]);
  });
});
