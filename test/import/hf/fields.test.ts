import { describe, expect, it } from 'vitest';
import { isObject } from '../../../src/compiler/import/fields.ts';
import { importConfig } from '../../../src/compiler/import/import-config.ts';
import { errorsOf, shapedOf, specOf, tiny } from './helpers.ts';

const imported = (config: Readonly<Record<string, unknown>>) => errorsOf(importConfig(config, undefined));

describe('fields of a transformers config', () => {
  it('that are not known are errors, with the nearest that is', () => {
    const { notes } = importConfig({ ...tiny, num_key_value_head: 2 }, undefined);
    expect(notes).toContainEqual(
      expect.objectContaining({ code: 'IMP001', message: expect.stringContaining('did you mean num_key_value_heads') }),
    );
  });

  it('that only keep books are passed over', () => {
    const books = { torch_dtype: 'bfloat16', architectures: ['X'], bos_token_id: 1, attention_dropout: 0.1 };
    expect(imported({ ...tiny, ...books, _name_or_path: 'a/b', use_cache: false })).toEqual([]);
  });

  it('about experts or sliding layers are known where no layer has any', () => {
    const routing = {
      n_group: 2,
      topk_group: 1,
      num_experts_per_tok: 2,
      n_shared_experts: 1,
      routed_scaling_factor: 2,
    };
    const widths = { q_lora_rank: 8, kv_lora_rank: 8, qk_nope_head_dim: 8, qk_rope_head_dim: 8, v_head_dim: 8 };
    const deepseek = { ...tiny, ...routing, ...widths, model_type: 'deepseek_v3', first_k_dense_replace: 4 };
    expect(imported({ ...deepseek, norm_topk_prob: true, moe_intermediate_size: 16 })).toEqual([]);
    const full = { ...tiny, model_type: 'gemma3_text', layer_types: new Array(4).fill('full_attention') };
    expect(imported({ ...full, rope_local_base_freq: 1e4 })).toEqual([]);
  });

  it('are needed where there is no default', () => {
    expect(imported({ ...tiny, hidden_size: 66, num_attention_heads: 4 })).toEqual(['IMP005 hidden_size']);
    expect(imported({ ...tiny, quantization_config: { bits: 4 } })).toEqual(['IMP002 quantization_config']);
  });

  it.each([
    ['add_cross_attention', true, false],
    ['is_encoder_decoder', true, false],
    ['pruned_heads', { 0: [1] }, {}],
    ['partial_rotary_factor', 0.5, 1],
  ])('refuse %s of %j, which makes another model, and pass over %j', (field, other, same) => {
    expect(imported({ ...tiny, [field]: other })).toEqual([`IMP002 ${field}`]);
    expect(imported({ ...tiny, [field]: same })).toEqual([]);
    const inside = { model_type: 'other_vl', text_config: tiny };
    const isOfRope = field === 'partial_rotary_factor';
    expect(imported({ ...inside, [field]: other })).toEqual(isOfRope ? [] : [`IMP002 text_config.${field}`]);
  });

  it('of Gemma say which GELU is meant: the legacy name of it, and no other activation', () => {
    const gemma = { ...tiny, model_type: 'gemma', head_dim: 16 };
    expect(specOf({ ...gemma, hidden_act: 'gelu' })).toMatchObject({ mlp: { activation: 'gelu_tanh' } });
    expect(imported({ ...gemma, hidden_act: 'silu' })).toEqual(['IMP002 hidden_act']);
    expect(imported({ ...gemma, use_bidirectional_attention: true })).toEqual(['IMP002 use_bidirectional_attention']);
  });

  it('of an unknown model type give the nearest known one', () => {
    const result = importConfig({ ...tiny, model_type: 'mistrall' }, undefined);
    expect(result.notes.map(({ code }) => code)).toEqual(['IMP007']);
    expect(result.notes[0]?.message).toContain('the nearest is mistral; known are');
    expect(result.spec).toBeUndefined();
    const { model_type: _, ...untyped } = tiny;
    expect(importConfig(untyped, 'hf').notes[0]?.message).toMatch(/^model_type is missing; known are arcee, bert, /);
  });

  it('read null KV heads as one for each query head, and null head_dim as hidden / heads', () => {
    const [layer] = shapedOf({ ...tiny, num_key_value_heads: null, head_dim: null }).layers;
    expect(layer?.attention).toMatchObject({ heads: { qHeads: 4, kvHeads: 4 }, headDim: 16 });
    expect(shapedOf({ ...tiny, head_dim: 24 }).layers[0]?.attention.headDim).toBe(24);
  });

  it('of a language model inside a larger one are read, and the rest is named', () => {
    const { spec, notes } = importConfig({ model_type: 'other_vl', text_config: tiny, vision_config: {} }, undefined);
    expect(spec).toMatchObject({ name: 'llama', model: { hidden: 64 } });
    expect(notes.find(({ path }) => path === 'text_config')?.message).toContain('vision_config');
    const tied = importConfig({ model_type: 'x', text_config: tiny, tie_word_embeddings: true }, undefined);
    expect(tied.spec).toMatchObject({ model: { tie_embeddings: true } });
  });
});

describe('rotary positions', () => {
  const ropeOf = (config: object) => shapedOf({ ...tiny, ...config }).layers[0]?.attention.rope;

  it('are read from v4 and v5 spellings', () => {
    expect(ropeOf({ rope_theta: 5e5 })).toMatchObject({ dim: 16, base: 5e5, pairing: 'half' });
    expect(ropeOf({ rope_theta: 5e5, rope_scaling: null })).toMatchObject({ base: 5e5 });
    expect(ropeOf({ rope_parameters: { rope_type: 'default', rope_theta: 5e5 } })).toMatchObject({ base: 5e5 });
    expect(ropeOf({})).toMatchObject({ base: 10000 });
  });
});

describe('layers', () => {
  const qwen = { ...tiny, model_type: 'qwen2', sliding_window: 8, max_window_layers: 2 };
  const windows = (config: object) => shapedOf({ ...config }).layers.map(({ attention }) => attention.mask.window);

  it('have windows as Qwen says it', () => {
    expect(windows(qwen)).toEqual([undefined, undefined, undefined, undefined]);
    expect(windows({ ...qwen, use_sliding_window: true })).toEqual([undefined, undefined, 8, 8]);
    const types = ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'];
    expect(windows({ ...qwen, use_sliding_window: true, layer_types: types })).toEqual([8, undefined, 8, undefined]);
  });

  it('have windows everywhere in Mistral, unless it is null', () => {
    expect(windows({ ...tiny, model_type: 'mistral', sliding_window: 8 })).toEqual([8, 8, 8, 8]);
    expect(windows({ ...tiny, model_type: 'mistral' })).toEqual([4096, 4096, 4096, 4096]);
    expect(windows({ ...tiny, model_type: 'mistral', sliding_window: null })[0]).toBeUndefined();
  });

  it('of a kind that a spec does not have are refused', () => {
    const types = ['linear_attention', 'full_attention', 'linear_attention', 'full_attention'];
    expect(imported({ ...qwen, layer_types: types })).toContain('IMP002 layer_types');
    expect(imported({ ...qwen, layer_types: types.slice(0, 1).map(() => 'full_attention') })).toEqual([
      'IMP005 layer_types',
    ]);
  });

  it('without rotary positions are a kind of their own', () => {
    const config = { ...tiny, model_type: 'smollm3', no_rope_layers: [1, 1, 1, 0] };
    expect(shapedOf(config).layers.map(({ attention }) => attention.rope === undefined)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(specOf(config)).toMatchObject({
      layers: {
        kinds: { rope: {}, no_rope: { attention: { rope: 'none' } } },
        pattern: ['rope', 'rope', 'rope', 'no_rope'],
      },
    });
    const { no_rope_layers: _, ...byInterval } = { ...config, no_rope_layer_interval: 2 };
    expect(specOf(byInterval)).toMatchObject({ layers: { pattern: ['rope', 'no_rope'] } });
  });
});

describe('names of weights', () => {
  const namesOf = (config: object, tensors?: readonly string[]) => {
    const { spec } = importConfig(config, 'hf', tensors === undefined ? {} : { tensors: new Set(tensors) });
    const weights = isObject(spec?.weights) ? spec.weights : {};
    return isObject(weights.names) ? weights.names : {};
  };

  it('are those that are published, or those of the checkpoint', () => {
    const embed = (tensors?: readonly string[]) =>
      namesOf({ ...tiny, tie_word_embeddings: false }, tensors)['embed.weight'];
    expect(embed()).toBe('model.embed_tokens.weight');
    expect(embed(['embed_tokens.weight'])).toBe('embed_tokens.weight');
    const inner = { model_type: 'other_vl', text_config: tiny };
    expect(namesOf(inner)).toMatchObject({
      'embed.weight': 'language_model.model.embed_tokens.weight',
      'head.weight': 'language_model.lm_head.weight',
    });
    expect(namesOf(inner, ['model.language_model.embed_tokens.weight', 'lm_head.weight'])).toMatchObject({
      'final_norm.weight': 'model.language_model.norm.weight',
      'head.weight': 'lm_head.weight',
    });
  });

  it('of the head of GPT-NeoX are the older ones, unless the checkpoint has the newer', () => {
    const config = { ...tiny, model_type: 'gpt_neox', num_key_value_heads: undefined };
    expect(namesOf(config)['head.weight']).toBe('embed_out.weight');
    expect(namesOf(config, ['lm_head.weight'])['head.weight']).toBe('lm_head.weight');
  });

  it('of the oldest norms are gamma and beta', () => {
    const config = { ...tiny, model_type: 'bert', num_key_value_heads: undefined };
    const transform = 'cls.predictions.transform';
    const names = namesOf(config, [
      'bert.embeddings.word_embeddings.weight',
      'bert.embeddings.LayerNorm.gamma',
      `${transform}.dense.weight`,
      `${transform}.LayerNorm.gamma`,
    ]);
    expect(names).toMatchObject({
      'embed_norm.weight': 'bert.embeddings.LayerNorm.gamma',
      'embed_norm.bias': 'bert.embeddings.LayerNorm.beta',
      'head_norm.weight': `${transform}.LayerNorm.gamma`,
      'head_transform.weight': `${transform}.dense.weight`,
    });
  });

  it('stand in one tensor where the source has q, k and v in one', () => {
    const gpt2 = namesOf({ model_type: 'gpt2', vocab_size: 9, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 });
    expect(gpt2['layers.{i}.attn.k.weight']).toEqual({
      tensor: 'transformer.h.{i}.attn.c_attn.weight',
      transposed: true,
      rows: [8, 16],
    });
    expect(gpt2['layers.{i}.attn.k.bias']).toBe('transformer.h.{i}.attn.c_attn.bias[8:16]');
  });
});
