import { type Architecture, type ModelConfig, type Part, size } from '../architecture.ts';
import {
  countOf,
  deepseekV3,
  expertWidth,
  latentAttention,
  latentNames,
  plainWidth,
  ropeWidth,
  routedLayers,
} from './deepseek.ts';
import { llama, llamaSizes } from './llama.ts';

const routing = { count: 64, width: 1407, groups: 1, activeGroups: 1, scale: 1, denseLayers: 0 };

function experts(config: ModelConfig): Part {
  const count = config.positiveInteger('n_group') ?? routing.groups;
  const active = config.positiveInteger('topk_group') ?? routing.activeGroups;
  const isGrouped = config.text('topk_method') === 'group_limited_greedy';
  const shared = config.integerFrom('n_shared_experts', 0) ?? (config.isWritten('n_shared_experts') ? 0 : 2);
  const width = expertWidth(config, routing);
  return {
    experts: {
      count: countOf(config, routing),
      active: config.positiveInteger('num_experts_per_tok') ?? 6,
      width,
      scoring: 'softmax',
      normalized: false,
      routed_scale: config.number('routed_scaling_factor') ?? routing.scale,
      ...(isGrouped && { groups: { count, active, top: 1 } }),
      ...(shared > 0 && { shared: { width: shared * width } }),
    },
  };
}

const deepseekV2: Architecture = {
  ...deepseekV3,
  sizes: { ...llamaSizes, context: size(2048, 'max_position_embeddings') },
  rope: { pairing: 'interleaved', base: 10000, dim: 'latent' },
  // Said outright: with YaRN the scale of a spec would follow its mscale_all_dim.
  attention: (config) => ({
    ...latentAttention(config),
    scale: (plainWidth(config) + ropeWidth(config)) ** -0.5,
  }),
  mlp: { kind: 'gated', activationFields: ['hidden_act'], activation: 'silu', experts },
  layers: routedLayers(routing),
  weights: { ...llama.weights, names: (config, tensors) => latentNames(config, tensors, routing) },
  conventions: {
    ...deepseekV3.conventions,
    'attention.scale': 'transformers scales logits by the width of a head, whatever YaRN says',
    'mlp.experts':
      'weights of the chosen experts are not divided by their sum, and a group is as good as its best expert',
  },
  fields: {
    unsupported: {
      scoring_func: ['softmax'],
      moe_layer_freq: [1],
      mlp_bias: [false],
    },
    silent: [...(deepseekV3.fields?.silent ?? []), 'norm_topk_prob'],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { deepseek_v2: deepseekV2 };
