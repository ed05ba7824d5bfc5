import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { importXTransformers } from '../../src/compiler/import/x-transformers.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

const example = 'examples/shakespeare-xt-mem-mqa';
const wrapper = { num_tokens: 61, max_seq_len: 32 };
const decoder = { dim: 64, depth: 2, heads: 4, attn_dim_head: 16 };
const names = (notes: readonly { code: string; path: string }[]) => notes.map(({ code, path }) => `${code} ${path}`);
const errorsOf = (config: Readonly<Record<string, unknown>>) =>
  names(importXTransformers(config).notes.filter(({ severity }) => severity === 'error'));

describe('importXTransformers', () => {
  it('gives the spec of the example, byte for byte', async () => {
    const config = JSON.parse(await readFile(`${example}/config.json`, 'utf8'));
    const result = importXTransformers(config, { name: 'shakespeare_xt_mem_mqa', weightsFile: 'model.safetensors' });
    const heading = ['yaml-language-server: $schema=../../grammar/generated/spec.schema.json'];
    expect(printYaml(result.spec ?? {}, { heading })).toBe(await readFile(`${example}/spec.yaml`, 'utf8'));
    expect(names(result.notes)).toEqual([
      'IMP003 decoder.rotary_pos_emb',
      'IMP003 decoder.attn_one_kv_head',
      'IMP003 decoder.use_rmsnorm',
    ]);
  });

  it('applies the defaults of a Decoder', () => {
    const { spec, notes } = importXTransformers({ wrapper, decoder: { dim: 512, depth: 6 } });
    expect(spec).toMatchObject({
      model: {
        positions: { kind: 'learned', scale: 512 ** -0.5 },
        norm: { kind: 'layer', eps: 1e-5, unit_offset: true, bias: false },
      },
      attention: { q_heads: 8, kv_heads: 8, head_dim: 64, mask: { causal: true } },
      mlp: { kind: 'plain', activation: 'gelu', width: 2048, biases: ['up', 'down'] },
    });
    expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('follows positions, ties, norms and feed-forward', () => {
    const { spec } = importXTransformers({
      wrapper: { ...wrapper, tie_embedding: true },
      decoder: {
        ...decoder,
        rotary_pos_emb: true,
        rotary_emb_dim: 12,
        norm_add_unit_offset: false,
        ff_mult: 2.5,
        ff_no_bias: true,
        ff_relu_squared: true,
      },
    });
    expect(spec).toMatchObject({
      model: { tie_embeddings: true, norm: { kind: 'layer' } },
      attention: { rope: { dim: 12, base: 10000, pairing: 'interleaved' } },
      mlp: { kind: 'plain', activation: 'relu2', width: 160 },
    });
    expect(spec).not.toHaveProperty('model.positions');
    expect(spec).not.toHaveProperty('model.norm.unit_offset');
    expect(spec).not.toHaveProperty('mlp.biases');
    expect(spec).not.toHaveProperty(['weights', 'names', 'head.weight']);
  });

  it('imports one Attention with qk_norm and memory', () => {
    const kwargs = {
      dim: 64,
      dim_head: 16,
      kv_heads: 2,
      value_dim_head: 24,
      causal: true,
      qk_norm: true,
      qk_norm_groups: 2,
      num_mem_kv: 2,
    };
    const call = { rotary_pos_emb: { dim: 8, base: 500, style: 'interleaved pairs' } };
    expect(importXTransformers({ kwargs, call }).spec).toEqual({
      gqac: 1,
      name: 'attention',
      attention: {
        q_heads: 8,
        kv_heads: 2,
        group_order: 'interleaved',
        head_dim: 16,
        value_dim: 24,
        scale: 10,
        qk_norm: { kind: 'l2', groups: 2 },
        rope: { dim: 8, base: 500, pairing: 'interleaved' },
        memory_kv: { slots: 2, normalized: true },
        mask: { causal: true },
        hidden: 64,
      },
      weights: {
        names: {
          'attn.q.weight': 'to_q.weight',
          'attn.k.weight': 'to_k.weight',
          'attn.v.weight': 'to_v.weight',
          'attn.o.weight': 'to_out.weight',
          'attn.memory_k': 'mem_k',
          'attn.memory_v': 'mem_v',
        },
      },
    });
  });

  it.each([
    ['sigmoid', true],
    ['max_attend_past', 5],
    ['sparse_topk', 4],
    ['head_scale', true],
    ['rotate_num_heads', 2],
    ['add_zero_kv', true],
    ['dim_context', 32],
  ])('refuses %s, bare and in a Decoder', (option, value) => {
    expect(errorsOf({ kwargs: { dim: 64, [option]: value } })).toEqual([`IMP002 kwargs.${option}`]);
    const config = { wrapper, decoder: { ...decoder, [`attn_${option}`]: value } };
    expect(errorsOf(config)).toEqual([`IMP002 decoder.attn_${option}`]);
  });

  it('refuses what the call, the decoder, and the wrapper add', () => {
    expect(errorsOf({ kwargs: { dim: 64 }, call: { alibi: { heads: 4 } } })).toEqual(['IMP002 call.alibi']);
    const config = {
      wrapper: { ...wrapper, num_memory_tokens: 3 },
      decoder: { ...decoder, alibi_pos_bias: true, alibi_num_heads: 2, pre_norm: false, ff_post_act_ln: true },
    };
    expect(errorsOf(config).sort()).toEqual([
      'IMP002 decoder.alibi_pos_bias',
      'IMP002 decoder.ff_post_act_ln',
      'IMP002 decoder.pre_norm',
      'IMP002 wrapper.num_memory_tokens',
    ]);
  });

  it('takes an unsupported option at its default, and null, as absent', () => {
    const kwargs = { dim: 64, sigmoid: false, sparse_topk: null, kv_heads: null, l2_distance: false };
    expect(errorsOf({ kwargs })).toEqual([]);
  });

  it('mentions options that matter in training only', () => {
    const { notes } = importXTransformers({ kwargs: { dim: 64, flash: true, dropout: 0.1 } });
    expect(names(notes)).toEqual(['IMP004 kwargs.flash', 'IMP004 kwargs.dropout']);
  });

  it('reports unknown fields with the nearest known one, and wrong values', () => {
    const { notes } = importXTransformers({ kwargs: { dim: 64, kv_head: 2, heads: 'eight' } });
    expect(notes.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'IMP005 kwargs.heads is "eight", expected an integer of at least 1',
      'IMP001 kwargs.kv_head is not a field that the importer knows, did you mean kv_heads?',
    ]);
  });

  it('needs the sizes', () => {
    const result = importXTransformers({ wrapper: {}, decoder: {} });
    expect(result.spec).toBeUndefined();
    expect(names(result.notes).filter((note) => note.startsWith('IMP005'))).toEqual([
      'IMP005 wrapper.num_tokens',
      'IMP005 wrapper.max_seq_len',
      'IMP005 decoder.dim',
      'IMP005 decoder.depth',
    ]);
  });

  it('never drops a field named like a part of every object', () => {
    const config = JSON.parse('{"kwargs": {"dim": 64, "__proto__": {"heads": 2}, "constructor": 1}}');
    expect(errorsOf(config)).toEqual(['IMP001 kwargs.__proto__', 'IMP001 kwargs.constructor']);
  });
});
