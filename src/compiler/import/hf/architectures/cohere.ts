import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import { fullEvery, windowByLayer, windowField } from '../layer-types.ts';
import { attentionBias, llama, llamaSizes, rotateNeighbours } from './llama.ts';

function attention(config: ModelConfig): Part {
  const hasNorm = config.boolean('use_qk_norm', false);
  return {
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    qk_norm: hasNorm ? { kind: 'layer', eps: config.number('layer_norm_eps') ?? 1e-5, weight: 'per_head' } : undefined,
  };
}

const cohere: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(256000, 'vocab_size'),
    hidden: size(8192, 'hidden_size'),
    layers: size(40, 'num_hidden_layers'),
    heads: size(64, 'num_attention_heads'),
    context: size(8192, 'max_position_embeddings'),
    width: size(22528, 'intermediate_size'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_eps', bias: false },
  rope: { pairing: 'interleaved', base: 500000 },
  model: (config) => ({ block: { parallel: 'one_norm' }, logit_scale: config.number('logit_scale') ?? 0.0625 }),
  attention,
  mlp: { ...llama.mlp, biases: [] },
  conventions: {
    'model.block': 'attention and MLP read the same norm and are added together',
    'model.norm': 'norms have no bias',
    'attention.rope': rotateNeighbours,
  },
};

/** Only layers with a window have rotary positions. */
const cohere2: Architecture = {
  ...cohere,
  rope: { pairing: 'interleaved', base: 10000 },
  attention: attentionBias(false, 'q', 'k', 'v', 'o'),
  layers(config) {
    const window = windowField(config, 4096);
    const pattern = config.positiveInteger('sliding_window_pattern') ?? 4;
    const layers = windowByLayer(config, window, fullEvery(pattern));
    return layers.map((layer) => ({ ...layer, ropeless: layer.window === undefined }));
  },
  fields: {
    silent: [
      'order_of_interleaved_layers',
      'position_embedding_type',
      'rotary_pct',
      'use_embedding_sharing',
      'use_gated_activation',
      'use_parallel_block',
      'use_parallel_embedding',

      'layer_switch',
    ],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { cohere, cohere2 };
