import { type Architecture, type LayerFacts, type ModelConfig, type Part, size } from '../architecture.ts';
import { eachLayer } from '../layer-types.ts';
import { allWhole, type NamedWeights, type TensorNames } from '../weight-sources.ts';
import { llama, llamaNames, llamaSizes } from './llama.ts';
import { expertNames } from './mixtral.ts';

const at = 'layers.{i}';
const experts = `${at}.mlp.experts`;

export const ropeWidth = (config: Pick<ModelConfig, 'positiveInteger'>) =>
  config.positiveInteger('qk_rope_head_dim') ?? 64;
export const plainWidth = (config: Pick<ModelConfig, 'positiveInteger'>) =>
  config.positiveInteger('qk_nope_head_dim') ?? 128;
/** What configs of routed experts may leave out. */
export interface RoutingDefaults {
  readonly count: number;
  readonly width: number;
  readonly groups: number;
  readonly activeGroups: number;
  readonly scale: number;
  readonly denseLayers: number;
}

const defaults: RoutingDefaults = { count: 256, width: 2048, groups: 8, activeGroups: 4, scale: 2.5, denseLayers: 3 };

export const expertWidth = (config: ModelConfig, { width }: RoutingDefaults) =>
  config.positiveInteger('moe_intermediate_size') ?? width;

export const countOf = (config: ModelConfig, { count }: RoutingDefaults) =>
  config.positiveInteger('n_routed_experts') ?? config.positiveInteger('num_local_experts') ?? count;

/** null: queries are projected directly. */
function queryRank(config: ModelConfig): number | undefined {
  return config.positiveInteger('q_lora_rank') ?? (config.isWritten('q_lora_rank') ? undefined : 1536);
}

export function latentAttention(config: ModelConfig): Part {
  const rank = queryRank(config);
  const biased = config.boolean('attention_bias', false);
  return {
    head_dim: undefined,
    biases: biased ? ['o'] : [],
    mla: {
      ...(rank !== undefined && { q_rank: rank }),
      kv_rank: config.positiveInteger('kv_lora_rank') ?? 512,
      rope_dim: ropeWidth(config),
      nope_dim: plainWidth(config),
      value_dim: config.positiveInteger('v_head_dim') ?? 128,
      cache: 'latent',
      ...(biased && { bias: true }),
    },
  };
}

export function latentNames(config: ModelConfig, tensors: TensorNames, fallback: RoutingDefaults): NamedWeights {
  return {
    ...llamaNames,
    ...allWhole({
      [`${at}.attn.q_a`]: `${at}.self_attn.q_a_proj`,
      [`${at}.attn.q_a_norm`]: `${at}.self_attn.q_a_layernorm`,
      [`${at}.attn.q_b`]: `${at}.self_attn.q_b_proj`,
      [`${at}.attn.kv_a`]: `${at}.self_attn.kv_a_proj_with_mqa`,
      [`${at}.attn.kv_a_norm`]: `${at}.self_attn.kv_a_layernorm`,
      [`${at}.attn.kv_b`]: `${at}.self_attn.kv_b_proj`,
    }),
    ...routedNames(config, tensors, fallback),
  };
}

export function routedNames(config: ModelConfig, tensors: TensorNames, fallback: RoutingDefaults): NamedWeights {
  const own = allWhole({
    [`${experts}.gate`]: `${experts}.{e}.gate_proj`,
    [`${experts}.up`]: `${experts}.{e}.up_proj`,
    [`${experts}.down`]: `${experts}.{e}.down_proj`,
  });
  return {
    ...allWhole({
      [`${at}.mlp.router`]: `${at}.mlp.gate`,
      [`${at}.mlp.shared.gate`]: `${at}.mlp.shared_experts.gate_proj`,
      [`${at}.mlp.shared.up`]: `${at}.mlp.shared_experts.up_proj`,
      [`${at}.mlp.shared.down`]: `${at}.mlp.shared_experts.down_proj`,
    }),
    [`${at}.mlp.correction_bias`]: { tensor: `${at}.mlp.gate.e_score_correction_bias` },
    ...expertNames(tensors, own, { count: countOf(config, fallback), width: expertWidth(config, fallback) }),
  };
}

export function routedExperts(config: ModelConfig, fallback: RoutingDefaults): Part {
  const shared = config.integerFrom('n_shared_experts', 0) ?? 1;
  return {
    experts: {
      count: countOf(config, fallback),
      active: config.positiveInteger('num_experts_per_tok') ?? 8,
      width: expertWidth(config, fallback),
      scoring: 'sigmoid',
      normalized: config.boolean('norm_topk_prob', true),
      routed_scale: config.number('routed_scaling_factor') ?? fallback.scale,
      groups: {
        count: config.positiveInteger('n_group') ?? fallback.groups,
        active: config.positiveInteger('topk_group') ?? fallback.activeGroups,
      },
      correction_bias: true,
      ...(shared > 0 && { shared: { width: shared * expertWidth(config, fallback) } }),
    },
  };
}

/** The first layers are dense. */
export const routedLayers =
  ({ denseLayers }: RoutingDefaults) =>
  (config: ModelConfig): readonly LayerFacts[] => {
    const dense = config.integerFrom('first_k_dense_replace', 0) ?? denseLayers;
    return eachLayer(config, (layer) => ({ type: 'full_attention', experts: layer >= dense }));
  };

export const deepseekV3: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(129280, 'vocab_size'),
    hidden: size(7168, 'hidden_size'),
    layers: size(61, 'num_hidden_layers'),
    heads: size(128, 'num_attention_heads'),
    context: size(4096, 'max_position_embeddings'),
    width: size(18432, 'intermediate_size'),
  },
  // Keys and values are made for every query head; `head_dim`, where a config has it, is the rotated width.
  kvHeads: (_, heads) => heads,
  headDim: (fields) => ropeWidth(fields) + plainWidth(fields),
  rope: (config) => ({
    pairing: config.boolean('rope_interleave', true) ? 'interleaved' : 'half',
    base: 10000,
    dim: 'latent',
  }),
  attention: latentAttention,
  mlp: {
    kind: 'gated',
    activationFields: ['hidden_act'],
    activation: 'silu',
    experts: (config) => routedExperts(config, defaults),
  },
  layers: routedLayers(defaults),
  weights: { ...llama.weights, names: (config, tensors) => latentNames(config, tensors, defaults) },
  conventions: {
    'attention.mla': 'keys and values come from a latent, which is what is cached; one rotated part serves all heads',
    'mlp.experts': 'experts are chosen by sigmoid scores with a correction that their weights do not have',
  },
  fields: {
    unsupported: { scoring_func: ['sigmoid'], topk_method: ['noaux_tc'], moe_layer_freq: [1] },
    silent: [
      'aux_loss_alpha',
      'ep_size',
      'head_dim',
      'num_key_value_heads',
      'num_local_experts',
      'num_mtp_layers',
      'num_nextn_predict_layers',
      'qk_head_dim',
      'seq_aux',
    ],
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { deepseek_v3: deepseekV3 };
