import { type Architecture, size } from '../architecture.ts';
import { allWhole, headBlocks } from '../weight-sources.ts';
import { llama, llamaNames, llamaSizes, rotateHalves } from './llama.ts';

const at = 'layers.{i}';

const persimmon: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(262144, 'vocab_size'),
    layers: size(36, 'num_hidden_layers'),
    heads: size(64, 'num_attention_heads'),
    context: size(16384, 'max_position_embeddings'),
    width: size(16384, 'intermediate_size'),
  },
  kvHeads: (_, heads) => heads,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_eps' },
  rope: { pairing: 'half', base: 25000, fraction: { fields: ['partial_rotary_factor'], fallback: 0.5 } },
  attention: (config) => ({
    biases: ['q', 'k', 'v', 'o'],
    qk_norm: config.boolean('qk_layernorm', true)
      ? { kind: 'layer', eps: config.number('layer_norm_eps') ?? 1e-5, weight: 'shared', bias: true }
      : undefined,
  }),
  mlp: { kind: 'plain', activationFields: ['hidden_act'], activation: 'relu2', biases: ['up', 'down'] },
  weights: {
    ...llama.weights,
    names: ({ sizes }) => ({
      ...llamaNames,
      ...headBlocks(`${at}.attn`, `${at}.self_attn.query_key_value`, sizes),
      ...allWhole({
        [`${at}.attn.o`]: `${at}.self_attn.dense`,
        [`${at}.attn.q_norm`]: `${at}.self_attn.q_layernorm`,
        [`${at}.attn.k_norm`]: `${at}.self_attn.k_layernorm`,
        [`${at}.mlp.up`]: `${at}.mlp.dense_h_to_4h`,
        [`${at}.mlp.down`]: `${at}.mlp.dense_4h_to_h`,
        final_norm: 'final_layernorm',
      }),
    }),
  },
  conventions: {
    'attention.rope': rotateHalves,
    'attention.biases': 'each head has its q, k and v one after the other in one matrix',
    mlp: 'there is no gate',
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { persimmon };
