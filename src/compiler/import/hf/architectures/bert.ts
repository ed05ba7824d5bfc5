import { activationNamed } from '../activations.ts';
import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { allWhole, type NamedWeights, type TensorNames, whole } from '../weight-sources.ts';

const at = 'layers.{i}';

/** With the head that fills masks, which has the module `transform`, or without any: then the result is the last hidden state. */
function headOf(config: ModelConfig, transform: string): Part {
  const names = config.list('architectures') ?? [];
  const fillsMasks =
    config.tensors?.has(`${transform}.weight`) ?? names.some((name) => /MaskedLM$|ForPreTraining$/.test(String(name)));
  if (!fillsMasks) return { tie_embeddings: undefined, head: { kind: 'hidden' } };
  const written = config.text('hidden_act') ?? config.text('activation') ?? 'gelu';
  // One that is not known is refused for the layers, which have the same.
  const activation = activationNamed(written) ?? 'gelu';
  return { head: { bias: true, transform: { activation, norm: {} } } };
}

/** The oldest checkpoints call the weight and bias of a norm gamma and beta. */
function norm(own: string, theirs: string, tensors: TensorNames): NamedWeights {
  if (!tensors?.has(`${theirs}.gamma`.replace('{i}', '0'))) return whole(own, theirs);
  return { [`${own}.weight`]: { tensor: `${theirs}.gamma` }, [`${own}.bias`]: { tensor: `${theirs}.beta` } };
}

const shared = {
  tied: true,
  bidirectional: true,
  attention: { biases: ['q', 'k', 'v', 'o'] },
  conventions: {
    'model.block': 'norms stand after the sums',
    'model.embedding_norm': 'embeddings are normalised',
    'attention.mask': 'tokens see each other in both directions',
  },
} as const satisfies Partial<Architecture>;

const bert: Architecture = {
  ...shared,
  sizes: {
    vocab: size(30522, 'vocab_size'),
    hidden: size(768, 'hidden_size'),
    layers: size(12, 'num_hidden_layers'),
    heads: size(12, 'num_attention_heads'),
    context: size(512, 'max_position_embeddings'),
    width: size(3072, 'intermediate_size'),
  },
  norm: { kind: 'layer', eps: 1e-12, epsField: 'layer_norm_eps' },
  model: (config) => ({
    token_types: config.positiveInteger('type_vocab_size') ?? 2,
    positions: { kind: 'learned' },
    embedding_norm: 'layer',
    block: { norms: 'post' },
    ...headOf(config, 'cls.predictions.transform.dense'),
  }),
  mlp: { kind: 'plain', activationFields: ['hidden_act'], activation: 'gelu', biases: ['up', 'down'] },
  weights: {
    prefix: 'bert.',
    embedding: 'embeddings.word_embeddings',
    head: ['cls.predictions.decoder'],
    names: (_, tensors) => ({
      ...allWhole({
        embed: 'embeddings.word_embeddings',
        positions: 'embeddings.position_embeddings',
        token_types: 'embeddings.token_type_embeddings',
        [`${at}.attn.q`]: 'encoder.layer.{i}.attention.self.query',
        [`${at}.attn.k`]: 'encoder.layer.{i}.attention.self.key',
        [`${at}.attn.v`]: 'encoder.layer.{i}.attention.self.value',
        [`${at}.attn.o`]: 'encoder.layer.{i}.attention.output.dense',
        [`${at}.mlp.up`]: 'encoder.layer.{i}.intermediate.dense',
        [`${at}.mlp.down`]: 'encoder.layer.{i}.output.dense',
      }),
      ...norm('embed_norm', 'embeddings.LayerNorm', tensors),
      ...norm(`${at}.attn_norm`, 'encoder.layer.{i}.attention.output.LayerNorm', tensors),
      ...norm(`${at}.mlp_norm`, 'encoder.layer.{i}.output.LayerNorm', tensors),
    }),
    headNames: (tensors) => ({
      'head.bias': { tensor: 'cls.predictions.bias' },
      ...whole('head_transform', 'cls.predictions.transform.dense'),
      ...norm('head_norm', 'cls.predictions.transform.LayerNorm', tensors),
    }),
  },
  fields: {
    unsupported: { is_decoder: [false], position_embedding_type: ['absolute'] },
    silent: [
      'directionality',
      'pooler_fc_size',
      'pooler_num_attention_heads',
      'pooler_num_fc_layers',
      'pooler_size_per_head',
      'pooler_type',
    ],
  },
};

const distilbert: Architecture = {
  ...shared,
  sizes: {
    vocab: size(30522, 'vocab_size'),
    hidden: size(768, 'dim', 'hidden_size'),
    layers: size(6, 'n_layers', 'num_hidden_layers'),
    heads: size(12, 'n_heads', 'num_attention_heads'),
    context: size(512, 'max_position_embeddings'),
    width: size(3072, 'hidden_dim'),
  },
  norm: { kind: 'layer', eps: 1e-12 },
  model: (config) => ({
    positions: { kind: 'learned' },
    embedding_norm: 'layer',
    block: { norms: 'post' },
    ...headOf(config, 'vocab_transform'),
  }),
  mlp: { kind: 'plain', activationFields: ['activation'], activation: 'gelu', biases: ['up', 'down'] },
  weights: {
    prefix: 'distilbert.',
    embedding: 'embeddings.word_embeddings',
    head: ['vocab_projector'],
    names: () =>
      allWhole({
        embed: 'embeddings.word_embeddings',
        positions: 'embeddings.position_embeddings',
        embed_norm: 'embeddings.LayerNorm',
        [`${at}.attn.q`]: 'transformer.layer.{i}.attention.q_lin',
        [`${at}.attn.k`]: 'transformer.layer.{i}.attention.k_lin',
        [`${at}.attn.v`]: 'transformer.layer.{i}.attention.v_lin',
        [`${at}.attn.o`]: 'transformer.layer.{i}.attention.out_lin',
        [`${at}.attn_norm`]: 'transformer.layer.{i}.sa_layer_norm',
        [`${at}.mlp.up`]: 'transformer.layer.{i}.ffn.lin1',
        [`${at}.mlp.down`]: 'transformer.layer.{i}.ffn.lin2',
        [`${at}.mlp_norm`]: 'transformer.layer.{i}.output_layer_norm',
      }),
    headNames: () => allWhole({ head_transform: 'vocab_transform', head_norm: 'vocab_layer_norm' }),
  },
  // The table of sinusoidal positions lies in the checkpoint like a learned one.
  fields: { silent: ['qa_dropout', 'seq_classif_dropout', 'sinusoidal_pos_embds', 'tie_weights_'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { bert, distilbert };
