import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { windowEverywhere } from '../layer-types.ts';
import { allWhole } from '../weight-sources.ts';
import { llama, llamaNames, llamaSizes } from './llama.ts';

const at = 'layers.{i}';

const hasBias = (config: ModelConfig) => config.boolean('use_bias', true);

const starcoder2: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(49152, 'vocab_size'),
    hidden: size(3072, 'hidden_size'),
    layers: size(30, 'num_hidden_layers'),
    heads: size(24, 'num_attention_heads'),
    kvHeads: size(2, 'num_key_value_heads'),
    context: size(4096, 'max_position_embeddings'),
    width: size(12288, 'intermediate_size'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'norm_epsilon' },
  attention: (config) => ({ biases: hasBias(config) ? ['q', 'k', 'v', 'o'] : undefined }),
  mlp: {
    kind: 'plain',
    activationFields: ['hidden_act'],
    activation: 'gelu_pytorch_tanh',
    biases: (config) => (hasBias(config) ? ['up', 'down'] : []),
  },
  layers: windowEverywhere(undefined),
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      ...allWhole({ [`${at}.mlp.up`]: `${at}.mlp.c_fc`, [`${at}.mlp.down`]: `${at}.mlp.c_proj` }),
    }),
  },
  fields: { silent: ['norm_type', 'mlp_type'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { starcoder2 };
