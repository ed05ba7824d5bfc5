import { type Architecture, size } from '../architecture.ts';
import { llama, llamaNames, llamaSizes } from './llama.ts';

const at = 'layers.{i}';

const stablelm: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(50304, 'vocab_size'),
    hidden: size(2560, 'hidden_size'),
    kvHeads: size(32, 'num_key_value_heads'),
    context: size(4096, 'max_position_embeddings'),
    width: size(6912, 'intermediate_size'),
  },
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_eps' },
  rope: { pairing: 'half', base: 10000, fraction: { fields: ['partial_rotary_factor', 'rope_pct'], fallback: 0.25 } },
  model: (config) => ({
    block: config.boolean('use_parallel_residual', false) ? { parallel: 'one_norm' } : undefined,
  }),
  attention: (config) => ({
    biases: config.boolean('use_qkv_bias', false) ? ['q', 'k', 'v'] : undefined,
    qk_norm: config.boolean('qk_layernorm', false)
      ? { kind: 'layer', eps: config.number('layer_norm_eps') ?? 1e-5, weight: 'per_head' }
      : undefined,
  }),
  mlp: { ...llama.mlp, biases: [] },
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      [`${at}.attn.q_norm.weight`]: { tensor: `${at}.self_attn.q_layernorm.norms.{e}.weight` },
      [`${at}.attn.k_norm.weight`]: { tensor: `${at}.self_attn.k_layernorm.norms.{e}.weight` },
    }),
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { stablelm };
