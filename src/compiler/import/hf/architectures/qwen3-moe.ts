import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { eachLayer, windowField } from '../layer-types.ts';
import { allWhole, type NamedWeights, type TensorNames } from '../weight-sources.ts';
import { llamaNames, llamaSizes, qwen3 } from './llama.ts';
import { expertNames } from './mixtral.ts';

const experts = 'layers.{i}.mlp.experts';

const expertWidth = (config: ModelConfig) => config.positiveInteger('moe_intermediate_size') ?? 768;

/** Published configs say `num_experts`, those that transformers 5 writes also `num_local_experts`. */
const count = (config: ModelConfig) =>
  config.positiveInteger('num_experts') ?? config.positiveInteger('num_local_experts') ?? 128;

function names(config: ModelConfig, tensors: TensorNames): NamedWeights {
  const own = allWhole({
    [`${experts}.gate`]: `${experts}.{e}.gate_proj`,
    [`${experts}.up`]: `${experts}.{e}.up_proj`,
    [`${experts}.down`]: `${experts}.{e}.down_proj`,
  });
  return {
    ...llamaNames,
    ...allWhole({ 'layers.{i}.mlp.router': 'layers.{i}.mlp.gate' }),
    ...expertNames(tensors, own, { count: count(config), width: expertWidth(config) }),
  };
}

/** Every nth layer has experts, but for those that are listed as dense. */
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
        count: count(config),
        active: config.positiveInteger('num_experts_per_tok') ?? 8,
        width: expertWidth(config),
        scoring: 'softmax',
        normalized: config.boolean('norm_topk_prob', false),
      },
    }),
  },
  layers(config) {
    const step = config.positiveInteger('decoder_sparse_step') ?? 1;
    const dense = config.numbers('mlp_only_layers') ?? [];
    const isOn = config.boolean('use_sliding_window', false);
    const written = windowField(config, 4096);
    const window = isOn && written !== undefined ? { window: written } : {};
    return eachLayer(config, (layer) => ({
      type: isOn ? 'sliding_attention' : 'full_attention',
      ...window,
      experts: !dense.includes(layer) && (layer + 1) % step === 0,
    }));
  },
  weights: { ...qwen3.weights, names },
  fields: { silent: ['max_window_layers'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { qwen3_moe: qwen3Moe };
