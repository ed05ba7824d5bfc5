import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { importXTransformers } from '../../src/compiler/import/x-transformers/x-transformers.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

const example = 'examples/shakespeare-xt-mem-mqa';
const wrapper = { num_tokens: 61, max_seq_len: 32 };
const decoder = { dim: 64, depth: 2, heads: 4, attn_dim_head: 16 };
const names = (notes: readonly { code: string; path: string }[]) => notes.map(({ code, path }) => `${code} ${path}`);
const errorsOf = (config: Readonly<Record<string, unknown>>) =>
  names(importXTransformers(config).notes.filter(({ severity }) => severity === 'error'));

/** Arguments of `Attention`, what they become, and the weights that they add. */
const options = [
  {
    kwargs: { head_scale: true },
    attention: { gates: { head_scale: true } },
    names: { head_scale: 'head_scale_params' },
  },
  {
    kwargs: { gate_value_heads: true },
    attention: { gates: { head: true } },
    names: { 'head_gate.weight': 'to_v_head_gate.weight', 'head_gate.bias': 'to_v_head_gate.bias' },
  },
  {
    kwargs: { gate_values: true },
    attention: { gates: { value: 'sigmoid' } },
    names: { 'value_gate.weight': 'to_v_gate.weight' },
  },
  { kwargs: { gate_values: true, swiglu_values: true }, attention: { gates: { value: 'silu' } }, names: {} },
  {
    kwargs: { on_attn: true },
    attention: { gates: { output_glu: true } },
    names: { 'o.weight': 'to_out.0.weight[0:64]', 'o_gate.weight': 'to_out.0.weight[64:128]' },
  },
  {
    kwargs: { pre_talking_heads: true, post_talking_heads: true, pre_scale_post_talking_heads: true },
    attention: { head_mixing: ['pre', 'post', 'pre_scale_post'] },
    names: {
      'mix_pre.weight': 'attend.pre_softmax_talking_heads.weight',
      'mix_post.weight': 'attend.post_softmax_talking_heads.weight',
      'mix_pre_scale_post.weight': 'attend.pre_scale_post_talking_heads.weight',
    },
  },
  { kwargs: { head_learned_sink: true }, attention: { sinks: true }, names: { sinks: 'attend.head_attn_sink' } },
  { kwargs: { softclamp_logits: true, logit_softclamp_value: 2 }, attention: { softcap: 2 }, names: {} },
  { kwargs: { sigmoid: true }, attention: { normalizer: 'sigmoid' }, names: {} },
  { kwargs: { sparse_topk: 4 }, attention: { normalizer: { kind: 'topk', k: 4 } }, names: {} },
  { kwargs: { l2_distance: true }, attention: { similarity: 'l2' }, names: {} },
  { kwargs: { add_zero_kv: true }, attention: { zero_kv: true }, names: {} },
  { kwargs: { max_attend_past: 5 }, attention: { mask: { causal: true, window: 6 } }, names: {} },
  {
    kwargs: { max_attend_past: 0, num_mem_kv: 2 },
    attention: { mask: { causal: true, window: 1, memory: 'always' } },
    names: {},
  },
  {
    kwargs: { qk_rmsnorm: true, num_mem_kv: 2 },
    attention: {
      qk_norm: { kind: 'rms', eps: 0, unit_offset: true, weight: 'per_head' },
      memory_kv: { slots: 2, normalized: false },
    },
    names: { 'q_norm.weight': 'q_rmsnorm.gamma', 'k_norm.weight': 'k_rmsnorm.gamma' },
  },
  { kwargs: { k_rmsnorm: true }, attention: { qk_norm: { q: false } }, names: { 'k_norm.weight': 'k_rmsnorm.gamma' } },
  {
    kwargs: { value_rmsnorm: true },
    attention: { value_norm: { kind: 'rms', eps: 0, unit_offset: true, weight: 'per_head' } },
    names: { 'v_norm.weight': 'value_rmsnorm.gamma' },
  },
  {
    kwargs: { qk_norm: true, qk_norm_dim_scale: true },
    attention: { qk_norm: { kind: 'l2', weight: 'per_head' } },
    names: { 'q_norm.weight': 'qk_norm_q_scale', 'k_norm.weight': 'qk_norm_k_scale' },
  },
  { kwargs: { qk_norm: true, qk_norm_groups: 4 }, attention: { scale: 10, qk_norm: { groups: 4 } }, names: {} },
] as const;

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
        qk_norm: { kind: 'l2' },
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

  it.each(options)('imports $kwargs, bare and in a Decoder', ({ kwargs, attention, names: weights }) => {
    const bare = importXTransformers({ kwargs: { dim: 64, causal: true, ...kwargs } });
    expect(bare.notes.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(bare.spec?.attention).toMatchObject(attention);
    const prefixed = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [`attn_${key}`, value]));
    const model = importXTransformers({ wrapper, decoder: { dim: 64, depth: 2, ...prefixed } });
    expect(model.notes.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(model.spec?.attention).toMatchObject(attention);
    for (const [own, theirs] of Object.entries(weights)) {
      expect(bare.spec).toHaveProperty(['weights', 'names', `attn.${own}`], theirs);
      const name = ['weights', 'names', `layers.{i}.attn.${own}`];
      expect(model.spec).toHaveProperty(name, `attn_layers.layers.{2*i}.1.${theirs}`);
    }
  });

  it('imports what only a bare Attention can be asked', () => {
    const kwargs = { dim: 64, causal: true, rotate_num_heads: 2, dim_out: 32, on_attn: true, softclamp_logits: true };
    const rotary = { rotary_pos_emb: { dim: 16 } };
    const t5 = { t5_relative_bias: { num_buckets: 8, max_distance: 16, scale: 4, causal: true } };
    const { spec, notes } = importXTransformers({ kwargs, call: { ...rotary, ...t5 } });
    expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(spec).toMatchObject({
      attention: {
        rope: { dim: 16, heads: 2 },
        t5_bias: { buckets: 8, max_distance: 16, scale: 4, bidirectional: false },
        softcap: 50,
        logits_order: ['bias', 'cap'],
        hidden: 64,
        out_hidden: 32,
      },
      weights: {
        names: {
          'attn.t5.weight': 'relative_attention_bias',
          'attn.o.weight': 'to_out.0.weight[0:32]',
          'attn.o_gate.weight': 'to_out.0.weight[32:64]',
        },
      },
    });
  });

  it('finds the tensors of a call', () => {
    const attentionOf = (tensors: object, call: object = {}, kwargs: object = {}) =>
      importXTransformers({ kwargs: { dim: 64, ...kwargs }, call, tensors }).spec?.attention;
    expect(attentionOf({ 'in.mask': ['bool', [2, 24]] })).toMatchObject({ mask: { padding: 'keys_and_queries' } });
    expect(attentionOf({ 'in.attn_bias': ['float32', [8, 24, 24]] })).toMatchObject({
      bias: { batch: false, heads: true },
    });
    expect(attentionOf({ 'in.attn_bias': ['float32', [2, 1, 24, 24]] })).toMatchObject({
      bias: { batch: true, heads: false },
    });
    const context = { 'in.context': ['float32', [2, 13, 48]], 'in.context_mask': ['bool', [2, 13]] };
    expect(attentionOf(context, {}, { dim_context: 48 })).toMatchObject({
      cross: { width: 48 },
      mask: { padding: 'keys' },
    });
    expect(attentionOf({}, { context: true })).toMatchObject({ cross: { width: 64 } });
    expect(attentionOf({ 'in.x': ['float32', [2, 24, 64]] })).not.toHaveProperty('mask');
  });

  it('refuses tensors of a call that it cannot express', () => {
    const errors = (tensors: object, kwargs: object = {}, call: object = {}) =>
      errorsOf({ kwargs: { dim: 64, ...kwargs }, call, tensors });
    const context = { 'in.context': ['float32', [2, 13, 64]] };
    expect(errors({ 'in.mem': ['float32', [2, 3, 64]], 'in.grad_y': [] })).toEqual(['IMP002 call.mem']);
    expect(errors({ ...context, 'in.mask': [] })).toEqual(['IMP002 call.mask']);
    expect(errors(context, { causal: true, max_attend_past: 3 })).toEqual([
      'IMP002 kwargs.causal',
      'IMP002 kwargs.max_attend_past',
    ]);
    expect(errors(context, {}, { alibi: { heads: 8 } })).toEqual(['IMP002 call.alibi']);
    expect(errors(context, { dim_context: 32 })).toEqual(['IMP005 kwargs.dim_context']);
  });

  it('normalises memory keys as a whole when qk_norm has groups', () => {
    const kwargs = { dim: 64, qk_norm: true, qk_norm_groups: 2, num_mem_kv: 2 };
    expect(importXTransformers({ kwargs }).spec?.attention).toMatchObject({
      qk_norm: [
        { kind: 'l2', memory: true },
        { kind: 'l2', groups: 2, memory: false },
      ],
      memory_kv: { slots: 2 },
    });
    expect(errorsOf({ kwargs: { ...kwargs, qk_norm_dim_scale: true } })).toEqual(['IMP002 kwargs.qk_norm_groups']);
    expect(errorsOf({ kwargs: { ...kwargs, k_rmsnorm: true } })).toEqual(['IMP002 kwargs.qk_norm_groups']);
  });

  it('names the weights of two norms in their order', () => {
    const kwargs = { dim: 64, qk_norm: true, qk_norm_dim_scale: true, k_rmsnorm: true, num_mem_kv: 1 };
    expect(importXTransformers({ kwargs }).spec).toMatchObject({
      attention: {
        qk_norm: [
          { kind: 'l2', weight: 'per_head', memory: true },
          { kind: 'rms', q: false, memory: false },
        ],
      },
      weights: {
        names: {
          'attn.q_norm.weight': 'qk_norm_q_scale',
          'attn.k_norm.weight': 'qk_norm_k_scale',
          'attn.k_norm2.weight': 'k_rmsnorm.gamma',
        },
      },
    });
  });

  it('imports the positions and the value residual of a Decoder', () => {
    const specOf = (changes: object) => importXTransformers({ wrapper, decoder: { ...decoder, ...changes } }).spec;
    const alibi = specOf({ alibi_pos_bias: true, alibi_num_heads: 2, rotary_pos_emb: true, rotate_num_heads: 3 });
    expect(alibi).toMatchObject({ attention: { alibi: { heads: 2 }, rope: { heads: 3 } } });
    expect(specOf({ alibi_pos_bias: true })).toMatchObject({
      model: { positions: { kind: 'learned' } },
      attention: { alibi: { heads: 4 } },
    });
    const t5 = specOf({ rel_pos_bias: true });
    expect(t5).not.toHaveProperty('model.positions');
    expect(t5).toMatchObject({
      attention: { t5_bias: { buckets: 32, max_distance: 128, scale: 4, bidirectional: false } },
      weights: { names: { 'layers.{i}.attn.t5.weight': 'attn_layers.rel_pos.relative_attention_bias.weight' } },
    });
    expect(specOf({ add_value_residual: true })).toMatchObject({
      attention: { value_residual: { mix: 'learned' } },
      weights: {
        names: {
          'layers.{i}.attn.value_residual.weight': 'attn_layers.layers.{2*i}.1.to_value_residual_mix.0.weight',
          'layers.{i}.attn.value_residual.bias': 'attn_layers.layers.{2*i}.1.to_value_residual_mix.0.bias',
        },
      },
    });
    const halves = specOf({ add_value_residual: true, learned_value_residual_mix: false });
    expect(halves).toMatchObject({ attention: { value_residual: { mix: 0.5 } } });
    expect(specOf({ add_value_residual: true, depth: 1 })).not.toHaveProperty('attention.value_residual');
  });

  it('mentions options that have no effect beside the others', () => {
    const kwargs = { dim: 64, swiglu_values: true, qk_norm_dim_scale: true, rotate_num_heads: 2 };
    const { notes } = importXTransformers({ kwargs });
    expect(names(notes)).toEqual([
      'IMP004 kwargs.qk_norm_dim_scale',
      'IMP004 kwargs.swiglu_values',
      'IMP004 kwargs.rotate_num_heads',
    ]);
  });

  it('refuses what excludes each other', () => {
    expect(errorsOf({ kwargs: { dim: 64, sigmoid: true, sparse_topk: 2 } })).toEqual(['IMP005 kwargs.sigmoid']);
    expect(errorsOf({ kwargs: { dim: 64, one_kv_head: true, kv_heads: 2 } })).toEqual(['IMP005 kwargs.one_kv_head']);
    const call = { alibi: { heads: 2, total_heads: 4 } };
    expect(errorsOf({ kwargs: { dim: 64 }, call })).toEqual(['IMP005 call.alibi.total_heads']);
  });

  it.each([
    ['selective', true],
    ['hard', true],
    ['use_latent_kv', true],
    ['laser', true],
  ])('refuses %s, bare and in a Decoder', (option, value) => {
    expect(errorsOf({ kwargs: { dim: 64, [option]: value } })).toEqual([`IMP002 kwargs.${option}`]);
    const config = { wrapper, decoder: { ...decoder, [`attn_${option}`]: value } };
    expect(errorsOf(config)).toEqual([`IMP002 decoder.attn_${option}`]);
  });

  it.each(['orthog_projected_values', 'orthog_projected_values_per_head'])('says that %s looks ahead', (option) => {
    expect(errorsOf({ kwargs: { dim: 64, [option]: true } })).toEqual([`IMP002 kwargs.${option}`]);
    expect(errorsOf({ kwargs: { dim: 64, causal: true, [option]: true } })).toEqual([`CAU001 kwargs.${option}`]);
    expect(errorsOf({ kwargs: { dim: 64, causal: true, [option]: false } })).toEqual([]);
    const config = { wrapper, decoder: { ...decoder, [`attn_${option}`]: true } };
    expect(errorsOf(config)).toEqual([`CAU001 decoder.attn_${option}`]);
  });

  it('refuses what the call, the decoder, and the wrapper add', () => {
    expect(errorsOf({ kwargs: { dim: 64 }, call: { attn_mask: [[true]] } })).toEqual(['IMP002 call.attn_mask']);
    const config = {
      wrapper: { ...wrapper, num_memory_tokens: 3 },
      decoder: { ...decoder, dynamic_pos_bias: true, pre_norm: false, ff_post_act_ln: true, attn_dim_context: 32 },
    };
    expect(errorsOf(config).sort()).toEqual([
      'IMP002 decoder.attn_dim_context',
      'IMP002 decoder.dynamic_pos_bias',
      'IMP002 decoder.ff_post_act_ln',
      'IMP002 decoder.pre_norm',
      'IMP002 wrapper.num_memory_tokens',
    ]);
  });

  it('takes an unsupported option at its default, and null, as absent', () => {
    const kwargs = { dim: 64, sigmoid: false, sparse_topk: null, kv_heads: null, selective: false, use_latent_q: null };
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
