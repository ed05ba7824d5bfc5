import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { allWhole } from '../weight-sources.ts';

const at = 'layers.{i}';

function model(config: ModelConfig): Part {
  const isBefore = config.boolean('do_layer_norm_before', true);
  const isRemoved = config.boolean('_remove_final_layer_norm', false);
  const width = config.positiveInteger('word_embed_proj_dim') ?? config.sizes.hidden;
  return {
    embedding_width: width === config.sizes.hidden ? undefined : width,
    positions: { kind: 'learned', offset: 2 },
    block: isBefore ? undefined : { norms: 'post' },
    final_norm: isBefore && isRemoved ? false : undefined,
  };
}

const hasBias = (config: ModelConfig) => config.boolean('enable_bias', true);

const opt: Architecture = {
  sizes: {
    vocab: size(50272, 'vocab_size'),
    hidden: size(768, 'hidden_size'),
    layers: size(12, 'num_hidden_layers'),
    heads: size(12, 'num_attention_heads'),
    context: size(2048, 'max_position_embeddings'),
    width: size(3072, 'ffn_dim'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, weight: (config) => config.boolean('layer_norm_elementwise_affine', true) },
  model,
  attention: (config) => ({ biases: hasBias(config) ? ['q', 'k', 'v', 'o'] : undefined }),
  mlp: {
    kind: 'plain',
    activationFields: ['activation_function'],
    activation: 'relu',
    biases: (config) => (hasBias(config) ? ['up', 'down'] : []),
  },
  weights: {
    prefix: 'model.decoder.',
    embedding: 'embed_tokens',
    head: ['lm_head'],
    names: () =>
      allWhole({
        embed: 'embed_tokens',
        embed_in: 'project_in',
        embed_out: 'project_out',
        positions: 'embed_positions',
        [`${at}.attn_norm`]: `${at}.self_attn_layer_norm`,
        [`${at}.attn.q`]: `${at}.self_attn.q_proj`,
        [`${at}.attn.k`]: `${at}.self_attn.k_proj`,
        [`${at}.attn.v`]: `${at}.self_attn.v_proj`,
        [`${at}.attn.o`]: `${at}.self_attn.out_proj`,
        [`${at}.mlp_norm`]: `${at}.final_layer_norm`,
        [`${at}.mlp.up`]: `${at}.fc1`,
        [`${at}.mlp.down`]: `${at}.fc2`,
        final_norm: 'final_layer_norm',
      }),
  },
  conventions: { 'model.positions': 'the first token has the third row of the table' },
  fields: { silent: ['init_std'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { opt };
