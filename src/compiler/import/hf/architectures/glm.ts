import { type Architecture, size } from '../architecture.ts';
import { allWhole } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames, llamaSizes } from './llama.ts';
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

export const architectures: Readonly<Record<string, Architecture>> = { glm, glm4 };
