import { type Architecture, type ModelConfig, type SizeFields, size } from '../architecture.ts';
import { eachLayer } from '../layer-types.ts';
import { allWhole, headBlocks, stackedColumns, stackedRows, transposed } from '../weight-sources.ts';

export const gpt2Sizes: SizeFields = {
  vocab: size(50257, 'vocab_size'),
  hidden: size(768, 'n_embd', 'hidden_size'),
  layers: size(12, 'n_layer', 'num_hidden_layers'),
  heads: size(12, 'n_head', 'num_attention_heads'),
  context: size(1024, 'n_positions', 'max_position_embeddings'),
  width: size(undefined, 'n_inner'),
};

/** Fields about heads that classify, and about training. */
export const gpt2Silent = [
  'n_ctx',
  'summary_activation',
  'summary_first_dropout',
  'summary_proj_to_labels',
  'summary_type',
  'summary_use_proj',
  'reorder_and_upcast_attn',
  'scale_attention_softmax_in_fp32',
  'attention_softmax_in_fp32',
];

const at = 'layers.{i}';

const gpt2Modules = allWhole({
  embed: 'wte',
  positions: 'wpe',
  [`${at}.attn_norm`]: 'h.{i}.ln_1',
  [`${at}.mlp_norm`]: 'h.{i}.ln_2',
  final_norm: 'ln_f',
});

/** Scale of a layer's logits where it is not D^-0.5. */
function scaleOf(config: ModelConfig, layer: number): number | undefined {
  const byWidth = config.boolean('scale_attn_weights', true);
  const byLayer = config.boolean('scale_attn_by_inverse_layer_idx', false);
  if (byWidth && !byLayer) return undefined;
  return (byWidth ? config.sizes.headDim ** -0.5 : 1) / (byLayer ? layer + 1 : 1);
}

const gpt2: Architecture = {
  sizes: gpt2Sizes,
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon' },
  model: { positions: { kind: 'learned' } },
  attention: { biases: ['q', 'k', 'v', 'o'] },
  mlp: { kind: 'plain', activationFields: ['activation_function'], activation: 'gelu_new', biases: ['up', 'down'] },
  layers: (config) =>
    eachLayer(config, (layer) => {
      const scale = scaleOf(config, layer);
      return { type: 'full_attention', ...(scale !== undefined && { attention: { scale } }) };
    }),
  weights: {
    prefix: 'transformer.',
    embedding: 'wte',
    head: ['lm_head'],
    names: ({ sizes: { hidden } }) => ({
      ...gpt2Modules,
      ...stackedColumns('h.{i}.attn.c_attn', {
        [`${at}.attn.q`]: hidden,
        [`${at}.attn.k`]: hidden,
        [`${at}.attn.v`]: hidden,
      }),
      ...transposed(`${at}.attn.o`, 'h.{i}.attn.c_proj'),
      ...transposed(`${at}.mlp.up`, 'h.{i}.mlp.c_fc'),
      ...transposed(`${at}.mlp.down`, 'h.{i}.mlp.c_proj'),
    }),
  },
  conventions: {
    'model.positions': 'learned positions are added to the embeddings',
    'attention.biases': 'every matrix has a bias; they are stored as [in, out], q, k and v in one',
  },
  fields: { silent: gpt2Silent },
};

/** With one KV head q, k and v are rows of one matrix; else each head has its own q, k and v there. */
const gptBigcode: Architecture = {
  ...gpt2,
  kvHeads: (fields, heads) => (fields.boolean('multi_query', true) ? 1 : heads),
  mlp: { ...gpt2.mlp, activation: 'gelu_pytorch_tanh' },
  weights: {
    ...gpt2.weights,
    names: ({ sizes: { heads, kvHeads, headDim } }) => ({
      ...gpt2Modules,
      ...(kvHeads === 1
        ? stackedRows('h.{i}.attn.c_attn', {
            [`${at}.attn.q`]: heads * headDim,
            [`${at}.attn.k`]: headDim,
            [`${at}.attn.v`]: headDim,
          })
        : headBlocks(`${at}.attn`, 'h.{i}.attn.c_attn', { heads, kvHeads, headDim })),
      ...allWhole({
        [`${at}.attn.o`]: 'h.{i}.attn.c_proj',
        [`${at}.mlp.up`]: 'h.{i}.mlp.c_fc',
        [`${at}.mlp.down`]: 'h.{i}.mlp.c_proj',
      }),
    }),
  },
  conventions: {
    'model.positions': 'learned positions are added to the embeddings',
    'attention.biases': 'every matrix has a bias',
  },
  fields: {
    silent: [
      ...gpt2Silent,
      'inference_runner',
      'max_batch_size',
      'max_sequence_length',
      'pad_key_length',
      'pre_allocate_kv_cache',
      'validate_runner_input',
      'num_key_value_heads',
    ],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { gpt2, gpt_bigcode: gptBigcode };
