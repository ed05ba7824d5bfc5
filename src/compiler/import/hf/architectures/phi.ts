import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { windowEverywhere } from '../layer-types.ts';
import { allWhole, type NamedWeights, stackedRows } from '../weight-sources.ts';
import { llama, llamaNames, llamaSizes, rotateHalves } from './llama.ts';

const at = 'layers.{i}';

const phi: Architecture = {
  sizes: {
    ...llamaSizes,
    vocab: size(51200, 'vocab_size'),
    hidden: size(2048, 'hidden_size'),
    layers: size(24, 'num_hidden_layers'),
    width: size(8192, 'intermediate_size'),
  },
  tied: false,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_eps' },
  rope: { pairing: 'half', base: 10000, fraction: { fields: ['partial_rotary_factor'], fallback: 0.5 } },
  model: { block: { parallel: 'one_norm' }, head: { bias: true } },
  attention: (config) => ({
    biases: ['q', 'k', 'v', 'o'],
    qk_norm: config.boolean('qk_layernorm', false)
      ? { kind: 'layer', eps: config.number('layer_norm_eps') ?? 1e-5, weight: 'shared', bias: true }
      : undefined,
  }),
  mlp: { kind: 'plain', activationFields: ['hidden_act'], activation: 'gelu_new', biases: ['up', 'down'] },
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      ...allWhole({
        [`${at}.attn.o`]: `${at}.self_attn.dense`,
        [`${at}.attn.q_norm`]: `${at}.self_attn.q_layernorm`,
        [`${at}.attn.k_norm`]: `${at}.self_attn.k_layernorm`,
        [`${at}.mlp.up`]: `${at}.mlp.fc1`,
        [`${at}.mlp.down`]: `${at}.mlp.fc2`,
        final_norm: 'final_layernorm',
      }),
    }),
  },
  conventions: {
    'model.block': 'attention and MLP read the same norm and are added together',
    'model.head': 'the head has a bias',
    'attention.rope': rotateHalves,
  },
};

/** One matrix for q, k and v, and one for gate and up. */
function phi3Names({ sizes: { heads, kvHeads, headDim, width } }: ModelConfig): NamedWeights {
  return {
    ...llamaNames,
    ...stackedRows(`${at}.self_attn.qkv_proj`, {
      [`${at}.attn.q`]: heads * headDim,
      [`${at}.attn.k`]: kvHeads * headDim,
      [`${at}.attn.v`]: kvHeads * headDim,
    }),
    ...gateAndUp(width),
  };
}

export function gateAndUp(width: number): NamedWeights {
  return stackedRows(`${at}.mlp.gate_up_proj`, { [`${at}.mlp.gate`]: width, [`${at}.mlp.up`]: width });
}

const phi3: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(32064, 'vocab_size'),
    hidden: size(3072, 'hidden_size'),
    context: size(4096, 'max_position_embeddings'),
    width: size(8192, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  rope: {
    pairing: 'half',
    base: 10000,
    fraction: { fields: ['partial_rotary_factor'], fallback: 1 },
    originalContext: 4096,
  },
  attention: {},
  mlp: { ...llama.mlp, biases: [] },
  layers: windowEverywhere(undefined),
  weights: { ...llama.weights, names: phi3Names },
  fields: { unsupported: { attention_bias: [false] }, silent: ['original_max_position_embeddings'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { phi, phi3 };
