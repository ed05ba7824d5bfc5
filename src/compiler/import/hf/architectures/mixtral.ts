import { type Architecture, type ModelConfig, size } from '../architecture.ts';
import { windowEverywhere } from '../layer-types.ts';
import { allWhole, expertRows, type NamedWeights, type TensorNames } from '../weight-sources.ts';
import { llama, llamaNames, llamaSizes } from './llama.ts';

/**
 * The experts of a layer: one module for each, as published, or gate and up in one tensor for all, as transformers 5 keeps them
 * in memory.
 */
export function expertNames(
  tensors: TensorNames,
  own: NamedWeights,
  { count, width }: { readonly count: number; readonly width: number },
): NamedWeights {
  const isStacked = [...(tensors ?? [])].some((name) => name.endsWith('.experts.gate_up_proj'));
  if (!isStacked) return own;
  const experts = 'layers.{i}.mlp.experts';
  const rows = { experts: count, size: width, stride: 2 * width };
  return {
    [`${experts}.gate.weight`]: expertRows(`${experts}.gate_up_proj`, { ...rows, from: 0 }),
    [`${experts}.up.weight`]: expertRows(`${experts}.gate_up_proj`, { ...rows, from: width }),
    [`${experts}.down.weight`]: { tensor: `${experts}.down_proj` },
  };
}

const countOf = (config: ModelConfig) =>
  config.positiveInteger('num_local_experts') ?? config.positiveInteger('num_experts') ?? 8;

const moe = 'layers.{i}.block_sparse_moe';

function mixtralNames(config: ModelConfig, tensors: TensorNames): NamedWeights {
  const own = allWhole({
    'layers.{i}.mlp.experts.gate': `${moe}.experts.{e}.w1`,
    'layers.{i}.mlp.experts.up': `${moe}.experts.{e}.w3`,
    'layers.{i}.mlp.experts.down': `${moe}.experts.{e}.w2`,
  });
  const isPublished = tensors === undefined || tensors.has(`${moe.replace('{i}', '0')}.gate.weight`);
  return {
    ...llamaNames,
    ...allWhole({ 'layers.{i}.mlp.router': isPublished ? `${moe}.gate` : 'layers.{i}.mlp.gate' }),
    ...expertNames(tensors, own, { count: countOf(config), width: config.sizes.width }),
  };
}

const mixtral: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    kvHeads: size(8, 'num_key_value_heads'),
    context: size(131072, 'max_position_embeddings'),
    width: size(14336, 'intermediate_size'),
  },
  norm: { ...llama.norm, eps: 1e-5 },
  rope: { pairing: 'half', base: 1e6 },
  attention: {},
  mlp: {
    ...llama.mlp,
    biases: [],
    experts: (config) => ({
      experts: {
        count: countOf(config),
        active: config.positiveInteger('num_experts_per_tok') ?? 2,
        width: config.sizes.width,
        scoring: 'softmax',
        normalized: true,
      },
    }),
  },
  layers: (config) => windowEverywhere(undefined)(config).map((layer) => ({ ...layer, experts: true })),
  weights: { ...llama.weights, names: mixtralNames },
};

export const architectures: Readonly<Record<string, Architecture>> = { mixtral };
