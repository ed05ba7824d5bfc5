import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { eachLayer } from '../layer-types.ts';
import { allWhole } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames, llamaSizes } from './llama.ts';
import { routerAndExperts } from './qwen-moe.ts';

const at = 'layers.{i}';

const olmo: Architecture = {
  ...llama,
  sizes: { ...llamaSizes, vocab: size(50304, 'vocab_size') },
  norm: { kind: 'layer', eps: 1e-5, weight: false },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    clip_qkv: config.number('clip_qkv'),
  }),
  mlp: { ...llama.mlp, biases: [] },
  conventions: { ...llama.conventions, 'model.norm': 'norms have no weights' },
};

/** Norms stand after attention and MLP, and over whole projections of q and k. */
const olmo2: Architecture = {
  ...llama,
  sizes: { ...llamaSizes, vocab: size(50304, 'vocab_size') },
  norm: { ...llama.norm, eps: 1e-5 },
  model: { block: { norms: 'output' } },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    qk_norm: { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-5, weight: 'projection' },
  }),
  mlp: { ...llama.mlp, biases: [] },
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      ...allWhole({
        [`${at}.attn_out_norm`]: `${at}.post_attention_layernorm`,
        [`${at}.mlp_out_norm`]: `${at}.post_feedforward_layernorm`,
      }),
    }),
  },
  conventions: {
    ...llama.conventions,
    'model.block': 'norms stand after attention and MLP',
    'attention.qk_norm': 'q and k are normalised before RoPE, all heads together',
  },
};

const countOf = (config: ModelConfig) => config.positiveInteger('num_experts') ?? 64;

const olmoe: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(50304, 'vocab_size'),
    hidden: size(2048, 'hidden_size'),
    layers: size(16, 'num_hidden_layers'),
    heads: size(16, 'num_attention_heads'),
    context: size(4096, 'max_position_embeddings'),
    width: size(2048, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    qk_norm: { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-5, weight: 'projection' },
  }),
  mlp: {
    ...llama.mlp,
    biases: [],
    experts: (config) => ({
      experts: {
        count: countOf(config),
        active: config.positiveInteger('num_experts_per_tok') ?? 8,
        width: config.sizes.width,
        scoring: 'softmax',
        normalized: config.boolean('norm_topk_prob', false),
      },
    }),
  },
  layers: (config) => eachLayer(config, () => ({ type: 'full_attention', experts: true })),
  weights: {
    ...llama.weights,
    names: (config, tensors) => ({
      ...llamaNames,
      ...routerAndExperts(tensors, { count: countOf(config), width: config.sizes.width }),
    }),
  },
  conventions: {
    ...llama.conventions,
    'attention.qk_norm': 'q and k are normalised before RoPE, all heads together',
  },
  // Clipped after the norms, where a spec clips projections.
  fields: { unsupported: { clip_qkv: [] } },
};

export const architectures: Readonly<Record<string, Architecture>> = { olmo, olmo2, olmoe };
