import { type Architecture, size } from '../architecture.ts';
import { allWhole, headBlocks } from '../weight-sources.ts';

const at = 'layers.{i}';

const bloom: Architecture = {
  sizes: {
    vocab: size(250880, 'vocab_size'),
    hidden: size(64, 'hidden_size', 'n_embed'),
    layers: size(2, 'n_layer', 'num_hidden_layers'),
    heads: size(8, 'n_head', 'num_attention_heads'),
    context: size(2048, 'seq_length'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon' },
  model: { embedding_norm: 'layer' },
  attention: ({ sizes }) => ({ alibi: { heads: sizes.heads }, biases: ['q', 'k', 'v', 'o'] }),
  mlp: { kind: 'plain', activationFields: [], activation: 'gelu_pytorch_tanh', biases: ['up', 'down'] },
  weights: {
    prefix: 'transformer.',
    embedding: 'word_embeddings',
    head: ['lm_head'],
    names: ({ sizes }) => ({
      ...allWhole({
        embed: 'word_embeddings',
        embed_norm: 'word_embeddings_layernorm',
        [`${at}.attn_norm`]: 'h.{i}.input_layernorm',
        [`${at}.attn.o`]: 'h.{i}.self_attention.dense',
        [`${at}.mlp_norm`]: 'h.{i}.post_attention_layernorm',
        [`${at}.mlp.up`]: 'h.{i}.mlp.dense_h_to_4h',
        [`${at}.mlp.down`]: 'h.{i}.mlp.dense_4h_to_h',
        final_norm: 'ln_f',
      }),
      ...headBlocks(`${at}.attn`, 'h.{i}.self_attention.query_key_value', sizes),
    }),
  },
  conventions: {
    'model.context': 'seq_length, 2048 where it is left out; ALiBi has no limit of its own',
    'model.embedding_norm': 'embeddings are normalised',
    'attention.alibi': 'positions are ALiBi on all heads',
    mlp: 'the activation is the GELU with tanh',
  },
  fields: {
    unsupported: { apply_residual_connection_post_layernorm: [false] },
    silent: [
      'n_inner',
      'slow_but_exact',
      'offset_alibi',
      'skip_bias_add',
      'skip_bias_add_qkv',
      'masked_softmax_fusion',
      'bias_dropout_fusion',
      'attention_softmax_in_fp32',
      'unk_token_id',
    ],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { bloom };
