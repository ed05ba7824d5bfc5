import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { fullEvery, windowByLayer, windowField } from '../layer-types.ts';
import { allWhole, interleavedExperts, type NamedWeights, transposedExperts } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames, llamaSizes, rotateHalves } from './llama.ts';

const at = 'layers.{i}';
const experts = `${at}.mlp.experts`;

/** For each expert one matrix `[in, 2 · width]` whose columns are gate and up in turn. */
function names(config: ModelConfig): NamedWeights {
  const sizes = { experts: countOf(config), width: config.sizes.width };
  return {
    ...llamaNames,
    ...allWhole({ [`${at}.mlp.router`]: `${at}.mlp.router` }),
    [`${at}.attn.sinks`]: { tensor: `${at}.self_attn.sinks` },
    ...interleavedExperts(`${experts}.gate_up_proj`, [`${experts}.gate`, `${experts}.up`], sizes),
    ...transposedExperts(`${experts}.down_proj`, `${experts}.down`),
  };
}

const countOf = (config: ModelConfig) =>
  config.positiveInteger('num_local_experts') ?? config.positiveInteger('num_experts') ?? 128;

const activeOf = (config: ModelConfig) =>
  config.positiveInteger('num_experts_per_tok') ?? config.positiveInteger('experts_per_token') ?? 4;

const gptOss: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(201088, 'vocab_size'),
    hidden: size(2880, 'hidden_size'),
    layers: size(36, 'num_hidden_layers'),
    heads: size(64, 'num_attention_heads'),
    kvHeads: size(8, 'num_key_value_heads'),
    headDim: size(64, 'head_dim'),
    context: size(131072, 'max_position_embeddings'),
    width: size(2880, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  rope: { pairing: 'half', base: 150000 },
  attention: (config) => ({ ...attentionBias(true, 'q', 'k', 'v', 'o')(config), sinks: true }),
  mlp: {
    kind: 'gated',
    activationFields: ['hidden_act'],
    activation: 'silu',
    experts: (config) => ({
      activation: 'clamped_swiglu',
      experts: {
        count: countOf(config),
        active: activeOf(config),
        width: config.sizes.width,
        scoring: 'topk_softmax',
        router_bias: true,
        biases: ['gate', 'up', 'down'],
      },
    }),
  },
  layers: (config) =>
    windowByLayer(config, windowField(config, 128), fullEvery(2)).map((layer) => ({ ...layer, experts: true })),
  weights: { ...llama.weights, names },
  conventions: {
    'attention.rope': rotateHalves,
    'attention.sinks': 'each head has a learned logit in the denominator',
    mlp: 'the gate is kept below 7, up within ±7; the experts give (up + 1) · gate · σ(1.702 · gate)',
  },
  fields: {
    unsupported: { swiglu_limit: [7] },
    silent: ['initial_context_length', 'experts_per_token', 'attention_bias'],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { gpt_oss: gptOss };
