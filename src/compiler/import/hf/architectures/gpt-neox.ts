import { type Architecture, size } from '../architecture.ts';
import { allWhole, headBlocks } from '../weight-sources.ts';

const at = 'layers.{i}';

const gptNeox: Architecture = {
  sizes: {
    vocab: size(50432, 'vocab_size'),
    hidden: size(6144, 'hidden_size'),
    layers: size(44, 'num_hidden_layers'),
    heads: size(64, 'num_attention_heads'),
    context: size(2048, 'max_position_embeddings'),
    width: size(24576, 'intermediate_size'),
  },
  tied: false,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_eps' },
  rope: {
    pairing: 'half',
    base: 10000,
    baseField: 'rotary_emb_base',
    fraction: { fields: ['rotary_pct', 'partial_rotary_factor'], fallback: 0.25 },
  },
  model: (config) => ({
    block: config.boolean('use_parallel_residual', true) ? { parallel: 'two_norms' } : undefined,
  }),
  attention: (config) => ({ biases: config.boolean('attention_bias', true) ? ['q', 'k', 'v', 'o'] : undefined }),
  mlp: { kind: 'plain', activationFields: ['hidden_act'], activation: 'gelu', biases: ['up', 'down'] },
  weights: {
    prefix: 'gpt_neox.',
    embedding: 'embed_in',
    head: ['embed_out', 'lm_head'],
    names: ({ sizes }) => ({
      ...allWhole({
        embed: 'embed_in',
        [`${at}.attn_norm`]: `${at}.input_layernorm`,
        [`${at}.attn.o`]: `${at}.attention.dense`,
        [`${at}.mlp_norm`]: `${at}.post_attention_layernorm`,
        [`${at}.mlp.up`]: `${at}.mlp.dense_h_to_4h`,
        [`${at}.mlp.down`]: `${at}.mlp.dense_4h_to_h`,
        final_norm: 'final_layer_norm',
      }),
      ...headBlocks(`${at}.attn`, `${at}.attention.query_key_value`, sizes),
    }),
  },
  conventions: {
    'attention.rope': 'entry e of the rotated part pairs with e + dim / 2',
    'attention.biases': 'each head has its q, k and v one after the other in one matrix',
  },
  fields: { silent: ['rope_pct', 'use_fused_mlp'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { gpt_neox: gptNeox };
