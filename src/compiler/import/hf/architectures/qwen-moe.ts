import { type Architecture, type LayerFacts, type ModelConfig, size } from '../architecture.ts';
import { eachLayer, qwenLayers, windowField } from '../layer-types.ts';
import { allWhole, type NamedWeights, type TensorNames } from '../weight-sources.ts';
import { llamaNames, llamaSizes, qwen2, qwen3 } from './llama.ts';
import { expertNames } from './mixtral.ts';

const mlp = 'layers.{i}.mlp';
const experts = `${mlp}.experts`;

interface ExpertSizes {
  readonly count: number;
  readonly width: number;
}

/** Published configs say `num_experts`, those that transformers 5 writes also `num_local_experts`. */
function expertSizes(config: ModelConfig, fallback: ExpertSizes): ExpertSizes {
  return {
    count: config.positiveInteger('num_experts') ?? config.positiveInteger('num_local_experts') ?? fallback.count,
    width: config.positiveInteger('moe_intermediate_size') ?? fallback.width,
  };
}

export function routerAndExperts(tensors: TensorNames, sizes: ExpertSizes): NamedWeights {
  const own = allWhole({
    [`${experts}.gate`]: `${experts}.{e}.gate_proj`,
    [`${experts}.up`]: `${experts}.{e}.up_proj`,
    [`${experts}.down`]: `${experts}.{e}.down_proj`,
  });
  return { ...allWhole({ [`${mlp}.router`]: `${mlp}.gate` }), ...expertNames(tensors, own, sizes) };
}

/** Every nth layer has experts, but for those that are listed as dense. */
function withExperts(config: ModelConfig, layers: readonly LayerFacts[]): readonly LayerFacts[] {
  const step = config.positiveInteger('decoder_sparse_step') ?? 1;
  const dense = config.numbers('mlp_only_layers') ?? [];
  return layers.map((facts, layer) => ({ ...facts, experts: !dense.includes(layer) && (layer + 1) % step === 0 }));
}

const qwen3Defaults = { count: 128, width: 768 };

const qwen3Moe: Architecture = {
  ...qwen3,
  sizes: {
    ...llamaSizes,
    vocab: size(151936, 'vocab_size'),
    hidden: size(2048, 'hidden_size'),
    layers: size(24, 'num_hidden_layers'),
    kvHeads: size(4, 'num_key_value_heads'),
    context: size(32768, 'max_position_embeddings'),
    width: size(6144, 'intermediate_size'),
  },
  mlp: {
    ...qwen3.mlp,
    experts: (config) => ({
      experts: {
        ...expertSizes(config, qwen3Defaults),
        active: config.positiveInteger('num_experts_per_tok') ?? 8,
        scoring: 'softmax',
        normalized: config.boolean('norm_topk_prob', false),
      },
    }),
  },
  layers(config) {
    const isOn = config.boolean('use_sliding_window', false);
    const written = windowField(config, 4096);
    const window = isOn && written !== undefined ? { window: written } : {};
    const type = isOn ? 'sliding_attention' : 'full_attention';
    return withExperts(
      config,
      eachLayer(config, () => ({ type, ...window })),
    );
  },
  weights: {
    ...qwen3.weights,
    names: (config, tensors) => ({
      ...llamaNames,
      ...routerAndExperts(tensors, expertSizes(config, qwen3Defaults)),
    }),
  },
  fields: { silent: ['max_window_layers'] },
};

const qwen2Defaults = { count: 60, width: 1408 };

const qwen2Moe: Architecture = {
  ...qwen2,
  sizes: {
    ...qwen2.sizes,
    hidden: size(2048, 'hidden_size'),
    layers: size(24, 'num_hidden_layers'),
    heads: size(16, 'num_attention_heads'),
    kvHeads: size(16, 'num_key_value_heads'),
    width: size(5632, 'intermediate_size'),
  },
  attention: (config) => ({ biases: config.boolean('qkv_bias', true) ? ['q', 'k', 'v'] : undefined }),
  mlp: {
    ...qwen2.mlp,
    experts: (config) => ({
      experts: {
        ...expertSizes(config, qwen2Defaults),
        active: config.positiveInteger('num_experts_per_tok') ?? 4,
        scoring: 'softmax',
        normalized: config.boolean('norm_topk_prob', false),
        shared: { width: config.positiveInteger('shared_expert_intermediate_size') ?? 5632, gate: true },
      },
    }),
  },
  layers: (config) => withExperts(config, qwenLayers(config)),
  weights: {
    ...qwen2.weights,
    names: (config, tensors) => ({
      ...llamaNames,
      ...allWhole({
        [`${mlp}.shared.gate`]: `${mlp}.shared_expert.gate_proj`,
        [`${mlp}.shared.up`]: `${mlp}.shared_expert.up_proj`,
        [`${mlp}.shared.down`]: `${mlp}.shared_expert.down_proj`,
        [`${mlp}.shared_gate`]: `${mlp}.shared_expert_gate`,
      }),
      ...routerAndExperts(tensors, expertSizes(config, qwen2Defaults)),
    }),
  },
  conventions: { ...qwen2.conventions, 'mlp.experts': 'the shared expert is multiplied by a gate of its own' },
};

export const architectures: Readonly<Record<string, Architecture>> = { qwen2_moe: qwen2Moe, qwen3_moe: qwen3Moe };
