import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { bookkeeping, ofOtherModels, trainingOnly } from '../bookkeeping.ts';
import { allWhole, stackedRows } from '../weight-sources.ts';

const at = 'layers.{i}';

/** Fields of the nested `attn_config`. */
function attention(config: ModelConfig): Part {
  const nested = config.nested('attn_config');
  const part = {
    alibi: { heads: config.sizes.heads },
    scale: nested.number('softmax_scale'),
    clip_qkv: nested.number('clip_qkv'),
  };
  nested.finish({
    unsupported: {
      ...ofOtherModels,
      qk_ln: [false],
      prefix_lm: [false],
      attn_uses_sequence_id: [false],
      attn_type: ['multihead_attention'],
    },
    // transformers always has ALiBi, with slopes down to 2^-8.
    noEffect: ['alibi', 'alibi_bias_max'],
    silent: [...bookkeeping, ...trainingOnly, 'attn_impl'],
  });
  return part;
}

const mpt: Architecture = {
  sizes: {
    vocab: size(50368, 'vocab_size'),
    hidden: size(2048, 'd_model', 'hidden_size'),
    layers: size(24, 'n_layers', 'num_hidden_layers'),
    heads: size(16, 'n_heads', 'num_attention_heads'),
    context: size(2048, 'max_seq_len'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon', bias: false },
  attention,
  mlp: { kind: 'plain', activationFields: [], activation: 'gelu' },
  weights: {
    prefix: 'transformer.',
    embedding: 'wte',
    head: ['lm_head'],
    names: ({ sizes: { hidden } }) => ({
      ...allWhole({
        embed: 'wte',
        [`${at}.attn_norm`]: 'blocks.{i}.norm_1',
        [`${at}.attn.o`]: 'blocks.{i}.attn.out_proj',
        [`${at}.mlp_norm`]: 'blocks.{i}.norm_2',
        [`${at}.mlp.up`]: 'blocks.{i}.ffn.up_proj',
        [`${at}.mlp.down`]: 'blocks.{i}.ffn.down_proj',
        final_norm: 'norm_f',
      }),
      ...stackedRows('blocks.{i}.attn.Wqkv', {
        [`${at}.attn.q`]: hidden,
        [`${at}.attn.k`]: hidden,
        [`${at}.attn.v`]: hidden,
      }),
    }),
  },
  conventions: {
    'attention.alibi': 'positions are ALiBi on all heads',
    'model.norm': 'norms have no bias',
    mlp: 'the MLP is four times as wide as the model',
  },
  fields: {
    unsupported: { no_bias: [true], learned_pos_emb: [true, false] },
    // transformers reads none of these: the MLP is four times as wide, and logits are not scaled.
    silent: [
      'expansion_ratio',
      'norm_type',
      'embedding_fraction',
      'init_device',
      'init_config',
      'logit_scale',
      'verbose',
      'tokenizer_name',
    ],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { mpt };
