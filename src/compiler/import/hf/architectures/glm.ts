import { type Architecture, size } from '../architecture.ts';
import { allWhole } from '../weight-sources.ts';
import { routedExperts, routedLayers, routedNames } from './deepseek.ts';
import { attentionBias, llama, llamaNames, llamaSizes, perHeadNorm, rotateHalves } from './llama.ts';
import { gateAndUp } from './phi.ts';

const at = 'layers.{i}';

const glm: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(151552, 'vocab_size'),
    layers: size(40, 'num_hidden_layers'),
    kvHeads: size(2, 'num_key_value_heads'),
    headDim: size(128, 'head_dim'),
    context: size(131072, 'max_position_embeddings'),
    width: size(13696, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1.5625e-7 },
  rope: { pairing: 'interleaved', base: 10000, fraction: { fields: ['partial_rotary_factor'], fallback: 0.5 } },
  attention: attentionBias(true, 'q', 'k', 'v'),
  mlp: { ...llama.mlp, biases: [] },
  weights: { ...llama.weights, names: ({ sizes }) => ({ ...llamaNames, ...gateAndUp(sizes.width) }) },
  conventions: { 'attention.rope': 'entry 2e of the rotated part pairs with 2e + 1' },
};

const glm4: Architecture = {
  ...glm,
  model: { block: { norms: 'sandwich' } },
  weights: {
    ...llama.weights,
    names: ({ sizes }) => ({
      ...llamaNames,
      ...gateAndUp(sizes.width),
      ...allWhole({
        [`${at}.attn_out_norm`]: `${at}.post_self_attn_layernorm`,
        [`${at}.mlp_out_norm`]: `${at}.post_mlp_layernorm`,
      }),
    }),
  },
  conventions: { ...glm.conventions, 'model.block': 'a norm before and after each part' },
};

const routing = { count: 128, width: 1408, groups: 1, activeGroups: 1, scale: 1, denseLayers: 1 };

/** Routed as DeepSeek V3 is. */
const glm4Moe: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(151552, 'vocab_size'),
    layers: size(46, 'num_hidden_layers'),
    heads: size(96, 'num_attention_heads'),
    kvHeads: size(8, 'num_key_value_heads'),
    headDim: size(undefined, 'head_dim'),
    context: size(131072, 'max_position_embeddings'),
    width: size(10944, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  rope: { pairing: 'half', base: 10000, fraction: { fields: ['partial_rotary_factor'], fallback: 0.5 } },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v')(config),
    qk_norm: config.boolean('use_qk_norm', false)
      ? { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-5 }
      : undefined,
  }),
  mlp: { ...llama.mlp, biases: [], experts: (config) => routedExperts(config, routing) },
  layers: routedLayers(routing),
  weights: {
    ...llama.weights,
    names: (config, tensors) => ({ ...llamaNames, ...routedNames(config, tensors, routing) }),
  },
  conventions: {
    'attention.rope': rotateHalves,
    'attention.qk_norm': perHeadNorm,
    'mlp.experts': 'experts are chosen by sigmoid scores with a correction that their weights do not have',
  },
  fields: { silent: ['num_nextn_predict_layers'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { glm, glm4, glm4_moe: glm4Moe };
