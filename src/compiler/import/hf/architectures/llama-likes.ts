import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { attentionBias, llama, llamaSizes, rotateHalves, rotateNeighbours } from './llama.ts';

const mlpBias = (config: ModelConfig): readonly string[] => (config.boolean('mlp_bias', false) ? ['up', 'down'] : []);
const plainMlp = { kind: 'plain', activationFields: ['hidden_act'], activation: 'relu2', biases: mlpBias } as const;

const arcee: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    hidden: size(2560, 'hidden_size'),
    context: size(4096, 'max_position_embeddings'),
    width: size(18432, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  mlp: plainMlp,
  conventions: { ...llama.conventions, mlp: 'there is no gate' },
};

const nemotron: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(256000, 'vocab_size'),
    hidden: size(6144, 'hidden_size'),
    heads: size(48, 'num_attention_heads'),
    context: size(4096, 'max_position_embeddings'),
    width: size(24576, 'intermediate_size'),
  },
  norm: { kind: 'layer', eps: 1e-5, epsField: 'norm_eps', unitOffset: true },
  rope: { pairing: 'half', base: 10000, fraction: { fields: ['partial_rotary_factor'], fallback: 0.5 } },
  mlp: plainMlp,
  conventions: {
    'model.norm': 'weights of norms are stored minus one',
    'attention.rope': rotateHalves,
    mlp: 'there is no gate',
  },
};

const helium: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(48000, 'vocab_size'),
    hidden: size(2560, 'hidden_size'),
    layers: size(24, 'num_hidden_layers'),
    heads: size(20, 'num_attention_heads'),
    kvHeads: size(20, 'num_key_value_heads'),
    headDim: size(128, 'head_dim'),
    context: size(4096, 'max_position_embeddings'),
    width: size(7040, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-8 },
  rope: { pairing: 'interleaved', base: 100000 },
  attention: attentionBias(false, 'q', 'k', 'v'),
  conventions: { 'attention.rope': rotateNeighbours },
};

const ernie: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(103424, 'vocab_size'),
    hidden: size(1024, 'hidden_size'),
    layers: size(18, 'num_hidden_layers'),
    heads: size(16, 'num_attention_heads'),
    kvHeads: size(2, 'num_key_value_heads'),
    headDim: size(128, 'head_dim'),
    context: size(131072, 'max_position_embeddings'),
    width: size(3072, 'intermediate_size'),
  },
  tied: true,
  norm: { ...llama.norm, eps: 1e-5 },
  rope: { pairing: 'interleaved', base: 500000 },
  attention: (config) => ({ biases: config.boolean('use_bias', false) ? ['q', 'k', 'v', 'o'] : undefined }),
  mlp: { ...llama.mlp, biases: (config) => (config.boolean('use_bias', false) ? ['gate', 'up', 'down'] : []) },
  conventions: { 'attention.rope': rotateNeighbours },
};

const seedOss: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(155136, 'vocab_size'),
    layers: size(64, 'num_hidden_layers'),
    heads: size(80, 'num_attention_heads'),
    kvHeads: size(8, 'num_key_value_heads'),
    headDim: size(128, 'head_dim'),
    context: size(524288, 'max_position_embeddings'),
    width: size(27648, 'intermediate_size'),
  },
  attention: (config) => ({
    biases: [
      ...(config.boolean('attention_bias', true) ? ['q', 'k', 'v'] : []),
      ...(config.boolean('attention_out_bias', false) ? ['o'] : []),
    ],
  }),
};

export const architectures: Readonly<Record<string, Architecture>> = {
  arcee,
  ernie4_5: ernie,
  helium,
  nemotron,
  seed_oss: seedOss,
};
