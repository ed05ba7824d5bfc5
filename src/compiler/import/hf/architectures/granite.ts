import type { Architecture, ModelConfig } from '../architecture.ts';
import { eachLayer } from '../layer-types.ts';
import { allWhole, expertRows } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames } from './llama.ts';

const granite: Architecture = {
  ...llama,
  model: (config) => ({
    embedding_scale: config.number('embedding_multiplier'),
    block: { residual_scale: config.number('residual_multiplier') ?? 1 },
    logit_scale: 1 / (config.number('logits_scaling') ?? 1),
  }),
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    scale: config.number('attention_multiplier') ?? 1,
  }),
};

const countOf = (config: ModelConfig) => config.positiveInteger('num_local_experts') ?? 8;

const moe = 'layers.{i}.block_sparse_moe';
const experts = 'layers.{i}.mlp.experts';

/** Gate and up of all experts are one tensor. */
const graniteMoe: Architecture = {
  ...granite,
  mlp: {
    ...granite.mlp,
    biases: [],
    experts: (config) => ({
      experts: {
        count: countOf(config),
        active: config.positiveInteger('num_experts_per_tok') ?? 2,
        width: config.sizes.width,
        scoring: 'topk_softmax',
      },
    }),
  },
  layers: (config) => eachLayer(config, () => ({ type: 'full_attention', experts: true })),
  weights: {
    ...llama.weights,
    names: (config) => {
      const { width } = config.sizes;
      const rows = { experts: countOf(config), size: width, stride: 2 * width };
      return {
        ...llamaNames,
        ...allWhole({ 'layers.{i}.mlp.router': `${moe}.router.layer`, [`${experts}.down`]: `${moe}.output_linear` }),
        [`${experts}.gate.weight`]: expertRows(`${moe}.input_linear.weight`, { ...rows, from: 0 }),
        [`${experts}.up.weight`]: expertRows(`${moe}.input_linear.weight`, { ...rows, from: width }),
      };
    },
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { granite, granitemoe: graniteMoe };
