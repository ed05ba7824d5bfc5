import type { FieldReader } from '../../fields.ts';
import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { allWhole, headBlocks, type NamedWeights, stackedRows } from '../weight-sources.ts';

const at = 'layers.{i}';

const isNew = (fields: FieldReader) => fields.boolean('new_decoder_architecture', false);

/** `num_kv_heads` counts in the new architecture only; in the old one there is one KV head, or one for each query head. */
function kvHeads(fields: FieldReader, heads: number): number {
  const written = fields.positiveInteger('num_kv_heads') ?? fields.positiveInteger('n_head_kv');
  const isMulti = fields.boolean('multi_query', true);
  if (isNew(fields)) return written ?? heads;
  return isMulti ? 1 : heads;
}

function normsOf(config: ModelConfig): 'none' | 'one_norm' | 'two_norms' {
  const count = config.positiveInteger('num_ln_in_parallel_attn') ?? 2;
  if (isNew(config)) return count === 2 ? 'two_norms' : 'one_norm';
  return config.boolean('parallel_attn', true) ? 'one_norm' : 'none';
}

function attention(config: ModelConfig): Part {
  const { heads, headDim } = config.sizes;
  return {
    biases: config.boolean('bias', false) ? ['q', 'k', 'v', 'o'] : undefined,
    alibi: config.boolean('alibi', false) ? { heads, scale: headDim ** -0.5 } : undefined,
  };
}

function names(config: ModelConfig): NamedWeights {
  const { heads, kvHeads: count, headDim } = config.sizes;
  const fused = 'h.{i}.self_attention.query_key_value';
  const areRows = !isNew(config) && count === 1;
  const hasTwo = normsOf(config) === 'two_norms';
  return {
    ...allWhole({
      embed: 'word_embeddings',
      [`${at}.attn_norm`]: hasTwo ? 'h.{i}.ln_attn' : 'h.{i}.input_layernorm',
      [`${at}.attn.o`]: 'h.{i}.self_attention.dense',
      [`${at}.mlp_norm`]: hasTwo ? 'h.{i}.ln_mlp' : 'h.{i}.post_attention_layernorm',
      [`${at}.mlp.up`]: 'h.{i}.mlp.dense_h_to_4h',
      [`${at}.mlp.down`]: 'h.{i}.mlp.dense_4h_to_h',
      final_norm: 'ln_f',
    }),
    ...(areRows
      ? stackedRows(fused, { [`${at}.attn.q`]: heads * headDim, [`${at}.attn.k`]: headDim, [`${at}.attn.v`]: headDim })
      : headBlocks(`${at}.attn`, fused, config.sizes)),
  };
}

const falcon: Architecture = {
  sizes: {
    vocab: size(65024, 'vocab_size'),
    hidden: size(4544, 'hidden_size'),
    layers: size(32, 'num_hidden_layers', 'n_layer'),
    heads: size(71, 'num_attention_heads', 'n_head'),
    context: size(2048, 'max_position_embeddings'),
    width: size(undefined, 'ffn_hidden_size'),
  },
  kvHeads,
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon' },
  rope: (config) => (config.boolean('alibi', false) ? undefined : { pairing: 'half', base: 10000 }),
  model: (config) => ({ block: { parallel: normsOf(config) } }),
  attention,
  mlp: {
    kind: 'plain',
    activationFields: ['activation'],
    activation: 'gelu',
    biases: (config) => (config.boolean('bias', false) ? ['up', 'down'] : []),
  },
  weights: { prefix: 'transformer.', embedding: 'word_embeddings', head: ['lm_head'], names },
  conventions: {
    'attention.rope': 'entry e of a head pairs with e + dim / 2',
    'attention.alibi': 'the bias is scaled together with q·k, and not rounded to bf16 as transformers does',
  },
  fields: {
    silent: ['parallel_attn', 'num_ln_in_parallel_attn', 'apply_residual_connection_post_layernorm'],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { falcon };
