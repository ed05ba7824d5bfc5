import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { fullEvery, windowByLayer, windowField } from '../layer-types.ts';
import { allWhole } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames, llamaSizes, perHeadNorm } from './llama.ts';

const conventions = {
  ...llama.conventions,
  'model.norm': 'weights of norms are stored minus one',
  'model.embedding_scale': 'embeddings are multiplied by the root of hidden',
};

const gemma: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(256000, 'vocab_size'),
    hidden: size(3072, 'hidden_size'),
    layers: size(28, 'num_hidden_layers'),
    heads: size(16, 'num_attention_heads'),
    kvHeads: size(16, 'num_key_value_heads'),
    headDim: size(256, 'head_dim'),
    context: size(8192, 'max_position_embeddings'),
    width: size(24576, 'intermediate_size'),
  },
  tied: true,
  norm: { ...llama.norm, unitOffset: true },
  model: (config) => ({ embedding_scale: Math.sqrt(config.sizes.hidden) }),
  mlp: { kind: 'gated', activationFields: ['hidden_activation'], activation: 'gelu_pytorch_tanh' },
  conventions,
  fields: {
    // Published configs have the exact GELU here, and transformers computes the one with tanh.
    unsupported: { hidden_act: ['gelu', 'gelu_pytorch_tanh'], use_bidirectional_attention: [false] },
  },
};

const at = 'layers.{i}';

/** Sliding and full layers in turn, a norm before and after each part. */
const gemma2: Architecture = {
  ...gemma,
  sizes: {
    ...gemma.sizes,
    hidden: size(2304, 'hidden_size'),
    layers: size(26, 'num_hidden_layers'),
    heads: size(8, 'num_attention_heads'),
    kvHeads: size(4, 'num_key_value_heads'),
    width: size(9216, 'intermediate_size'),
  },
  model: (config) => ({
    embedding_scale: Math.sqrt(config.sizes.hidden),
    block: { norms: 'sandwich' },
    final_softcap: capOf(config, 'final_logit_softcapping', 30),
  }),
  attention: (config) => ({
    ...scaledAttention(config),
    softcap: capOf(config, 'attn_logit_softcapping', 50),
  }),
  layers: (config) => windowByLayer(config, windowField(config, 4096), fullEvery(2)),
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      ...allWhole({
        [`${at}.attn_out_norm`]: `${at}.post_attention_layernorm`,
        [`${at}.mlp_norm`]: `${at}.pre_feedforward_layernorm`,
        [`${at}.mlp_out_norm`]: `${at}.post_feedforward_layernorm`,
      }),
    }),
  },
  conventions: { ...conventions, 'model.block': 'a norm before and after each part' },
  // The legacy field is read by Gemma 1 only.
  fields: { unsupported: { use_bidirectional_attention: [false] }, silent: ['hidden_act'] },
};

const gemma3: Architecture = {
  ...gemma2,
  sizes: { ...gemma2.sizes, vocab: size(262208, 'vocab_size'), context: size(131072, 'max_position_embeddings') },
  rope: { pairing: 'half', base: 1e6, localBase: { field: 'rope_local_base_freq', base: 10000 } },
  model: (config) => ({
    embedding_scale: Math.sqrt(config.sizes.hidden),
    block: { norms: 'sandwich' },
    final_softcap: capOf(config, 'final_logit_softcapping', undefined),
  }),
  attention: (config) => ({
    ...scaledAttention(config),
    qk_norm: { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-6, unit_offset: true },
  }),
  layers(config) {
    const pattern =
      config.positiveInteger('sliding_window_pattern') ?? config.positiveInteger('_sliding_window_pattern') ?? 6;
    return windowByLayer(config, windowField(config, 4096), fullEvery(pattern));
  },
  conventions: { ...conventions, 'model.block': 'a norm before and after each part', 'attention.qk_norm': perHeadNorm },
  // transformers reads this cap for no layer of Gemma 3, and the base only where layers slide.
  fields: {
    ...gemma2.fields,
    noEffect: ['attn_logit_softcapping'],
    silent: [...(gemma2.fields?.silent ?? []), 'rope_local_base_freq'],
  },
};

function scaledAttention(config: ModelConfig): Part {
  return {
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    scale: (config.number('query_pre_attn_scalar') ?? 256) ** -0.5,
  };
}

/** null takes the cap away. */
function capOf(config: ModelConfig, field: string, fallback: number | undefined): number | undefined {
  return config.number(field) ?? (config.isWritten(field) ? undefined : fallback);
}

export const architectures: Readonly<Record<string, Architecture>> = { gemma, gemma2, gemma3_text: gemma3 };
