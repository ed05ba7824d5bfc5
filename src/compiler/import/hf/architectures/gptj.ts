import { type Architecture, size } from '../architecture.ts';
import { allWhole } from '../weight-sources.ts';
import { gpt2Silent, gpt2Sizes } from './gpt2.ts';
import { rotateNeighbours } from './llama.ts';

const at = 'layers.{i}';

const gptj: Architecture = {
  sizes: {
    ...gpt2Sizes,
    vocab: size(50400, 'vocab_size'),
    hidden: size(4096, 'n_embd', 'hidden_size'),
    layers: size(28, 'n_layer', 'num_hidden_layers'),
    heads: size(16, 'n_head', 'num_attention_heads'),
    context: size(2048, 'n_positions', 'max_position_embeddings'),
  },
  tied: false,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon' },
  rope: ({ positiveInteger, isWritten, sizes }) => ({
    pairing: 'interleaved',
    base: 10000,
    dim: positiveInteger('rotary_dim') ?? (isWritten('rotary_dim') ? sizes.headDim : 64),
  }),
  model: { block: { parallel: 'one_norm' }, head: { bias: true } },
  mlp: { kind: 'plain', activationFields: ['activation_function'], activation: 'gelu_new', biases: ['up', 'down'] },
  weights: {
    prefix: 'transformer.',
    embedding: 'wte',
    head: ['lm_head'],
    names: () =>
      allWhole({
        embed: 'wte',
        [`${at}.attn_norm`]: 'h.{i}.ln_1',
        [`${at}.attn.q`]: 'h.{i}.attn.q_proj',
        [`${at}.attn.k`]: 'h.{i}.attn.k_proj',
        [`${at}.attn.v`]: 'h.{i}.attn.v_proj',
        [`${at}.attn.o`]: 'h.{i}.attn.out_proj',
        [`${at}.mlp.up`]: 'h.{i}.mlp.fc_in',
        [`${at}.mlp.down`]: 'h.{i}.mlp.fc_out',
        final_norm: 'ln_f',
      }),
  },
  conventions: {
    'model.block': 'attention and MLP read the same norm and are added together',
    'model.head': 'the head has a bias',
    'attention.rope': rotateNeighbours,
  },
  fields: { unsupported: { scale_attn_weights: [true] }, silent: [...gpt2Silent, 'rotary'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { gptj };
