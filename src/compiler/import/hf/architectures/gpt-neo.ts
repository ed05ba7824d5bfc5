import { type Architecture, type LayerFacts, type ModelConfig, size } from '../architecture.ts';
import { eachLayer, slidingLayer } from '../layer-types.ts';
import { allWhole } from '../weight-sources.ts';
import { gpt2Silent } from './gpt2.ts';

const at = 'layers.{i}';

/**
 * `attention_types` is a list of [[kinds], how often], from which transformers makes `attention_layers` anew, a kind for each layer; the
 * oldest configs have `attn_layers` only.
 */
function layers(config: ModelConfig): readonly LayerFacts[] {
  const window = config.positiveInteger('window_size') ?? 256;
  const written = config.list('attention_layers') ?? config.list('attn_layers');
  const grouped = config.list('attention_types');
  const kinds = grouped === undefined ? (written ?? expand(leftOut)) : expand(grouped);
  if (kinds.length !== config.sizes.layers) {
    const field = grouped === undefined && written !== undefined ? 'attention_layers' : 'attention_types';
    config.refuse(field, `is about ${kinds.length} layers of ${config.sizes.layers}`);
  }
  return eachLayer(config, (layer) => (kinds[layer] === 'local' ? slidingLayer(window) : { type: 'full_attention' }));
}

/** `attention_types` of transformers, whatever the number of layers. */
const leftOut = [[['global', 'local'], 12]];

function expand(grouped: readonly unknown[]): readonly unknown[] {
  return grouped.flatMap((entry) => {
    if (!Array.isArray(entry)) return [];
    const [kinds, times]: readonly unknown[] = entry;
    const repeats = typeof times === 'number' && times >= 0 && times <= 1024 ? times : 0;
    return Array.isArray(kinds) ? Array.from({ length: repeats }, () => kinds).flat() : [];
  });
}

const gptNeo: Architecture = {
  sizes: {
    vocab: size(50257, 'vocab_size'),
    hidden: size(2048, 'hidden_size'),
    layers: size(24, 'num_layers', 'num_hidden_layers'),
    heads: size(16, 'num_heads', 'num_attention_heads'),
    context: size(2048, 'max_position_embeddings'),
    width: size(undefined, 'intermediate_size'),
  },
  tied: true,
  norm: { kind: 'layer', eps: 1e-5, epsField: 'layer_norm_epsilon' },
  model: { positions: { kind: 'learned' } },
  attention: { biases: ['o'], scale: 1 },
  mlp: { kind: 'plain', activationFields: ['activation_function'], activation: 'gelu_new', biases: ['up', 'down'] },
  layers,
  weights: {
    prefix: 'transformer.',
    embedding: 'wte',
    head: ['lm_head'],
    names: () =>
      allWhole({
        embed: 'wte',
        positions: 'wpe',
        [`${at}.attn_norm`]: 'h.{i}.ln_1',
        [`${at}.attn.q`]: 'h.{i}.attn.attention.q_proj',
        [`${at}.attn.k`]: 'h.{i}.attn.attention.k_proj',
        [`${at}.attn.v`]: 'h.{i}.attn.attention.v_proj',
        [`${at}.attn.o`]: 'h.{i}.attn.attention.out_proj',
        [`${at}.mlp_norm`]: 'h.{i}.ln_2',
        [`${at}.mlp.up`]: 'h.{i}.mlp.c_fc',
        [`${at}.mlp.down`]: 'h.{i}.mlp.c_proj',
        final_norm: 'ln_f',
      }),
  },
  conventions: { 'attention.scale': 'logits are not scaled', 'attention.biases': 'only the output has a bias' },
  fields: { silent: gpt2Silent },
};

export const architectures: Readonly<Record<string, Architecture>> = { gpt_neo: gptNeo };
