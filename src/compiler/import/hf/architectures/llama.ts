import type { Architecture, Fact, ModelConfig, Part, SizeFields } from '../architecture.ts';
import { size } from '../architecture.ts';
import { eachLayer, qwenLayers, windowByLayer, windowEverywhere } from '../layer-types.ts';
import { allWhole } from '../weight-sources.ts';

export const llamaSizes: SizeFields = {
  vocab: size(32000, 'vocab_size'),
  hidden: size(4096, 'hidden_size'),
  layers: size(32, 'num_hidden_layers'),
  heads: size(32, 'num_attention_heads'),
  kvHeads: size(undefined, 'num_key_value_heads'),
  headDim: size(undefined, 'head_dim'),
  context: size(2048, 'max_position_embeddings'),
  width: size(11008, 'intermediate_size'),
};

const at = 'layers.{i}';

const llamaAttentionNames = allWhole({
  [`${at}.attn_norm`]: `${at}.input_layernorm`,
  [`${at}.attn.q`]: `${at}.self_attn.q_proj`,
  [`${at}.attn.k`]: `${at}.self_attn.k_proj`,
  [`${at}.attn.v`]: `${at}.self_attn.v_proj`,
  [`${at}.attn.o`]: `${at}.self_attn.o_proj`,
  [`${at}.attn.q_norm`]: `${at}.self_attn.q_norm`,
  [`${at}.attn.k_norm`]: `${at}.self_attn.k_norm`,
});

const llamaMlpNames = allWhole({
  [`${at}.mlp_norm`]: `${at}.post_attention_layernorm`,
  [`${at}.mlp.gate`]: `${at}.mlp.gate_proj`,
  [`${at}.mlp.up`]: `${at}.mlp.up_proj`,
  [`${at}.mlp.down`]: `${at}.mlp.down_proj`,
});

export const llamaNames = {
  ...allWhole({ embed: 'embed_tokens', final_norm: 'norm' }),
  ...llamaAttentionNames,
  ...llamaMlpNames,
};

const llamaWeights: Architecture['weights'] = {
  prefix: 'model.',
  embedding: 'embed_tokens',
  head: ['lm_head'],
  names: () => llamaNames,
};

/** `attention_bias` is about all four projections. */
export function attentionBias(fallback: boolean, ...projections: readonly string[]): (config: ModelConfig) => Part {
  return (config) => ({ biases: config.boolean('attention_bias', fallback) ? projections : undefined });
}

const mlpBias: Fact<readonly string[]> = (config) => (config.boolean('mlp_bias', false) ? ['gate', 'up', 'down'] : []);

export const rotateHalves = 'entry e of a head pairs with e + dim / 2';
export const rotateNeighbours = 'entry 2e of a head pairs with 2e + 1';

export const llama: Architecture = {
  sizes: llamaSizes,
  tied: false,
  norm: { kind: 'rms', eps: 1e-6, epsField: 'rms_norm_eps' },
  rope: { pairing: 'half', base: 10000 },
  attention: attentionBias(false, 'q', 'k', 'v', 'o'),
  mlp: { kind: 'gated', activationFields: ['hidden_act'], activation: 'silu', biases: mlpBias },
  weights: llamaWeights,
  conventions: { 'attention.rope': rotateHalves },
  fields: { unsupported: { rope_interleaved: [false] } },
};

const mistral: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    kvHeads: size(8, 'num_key_value_heads'),
    context: size(131072, 'max_position_embeddings'),
    width: size(14336, 'intermediate_size'),
  },
  attention: {},
  mlp: { ...llama.mlp, biases: [] },
  layers: windowEverywhere(4096),
};

export const qwen2: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(151936, 'vocab_size'),
    kvHeads: size(32, 'num_key_value_heads'),
    context: size(32768, 'max_position_embeddings'),
    width: size(22016, 'intermediate_size'),
  },
  attention: { biases: ['q', 'k', 'v'] },
  mlp: { ...llama.mlp, biases: [] },
  layers: qwenLayers,
  fields: { unsupported: { use_mrope: [false] } },
  conventions: { ...llama.conventions, 'attention.biases': 'q, k and v have biases, the output has none' },
};

export const perHeadNorm = 'q and k are normalised before RoPE, one weight for all heads';

export const qwen3: Architecture = {
  ...qwen2,
  sizes: { ...qwen2.sizes, headDim: size(128, 'head_dim') },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    qk_norm: { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-6 },
  }),
  conventions: { ...llama.conventions, 'attention.qk_norm': perHeadNorm },
};

/** Layers where `no_rope_layers` has 0 have no rotary positions. */
const smollm3: Architecture = {
  ...llama,
  sizes: {
    ...llamaSizes,
    vocab: size(128256, 'vocab_size'),
    hidden: size(2048, 'hidden_size'),
    layers: size(36, 'num_hidden_layers'),
    heads: size(16, 'num_attention_heads'),
    kvHeads: size(4, 'num_key_value_heads'),
    context: size(32768, 'max_position_embeddings'),
  },
  tied: true,
  rope: { pairing: 'half', base: 2e6 },
  layers(config) {
    const interval = config.positiveInteger('no_rope_layer_interval') ?? 4;
    const written = config.numbers('no_rope_layers');
    const hasRope = written?.map((one) => one !== 0) ?? eachLayer(config, (layer) => (layer + 1) % interval !== 0);
    if (hasRope.length !== config.sizes.layers)
      config.refuse('no_rope_layers', `has ${hasRope.length} entries for ${config.sizes.layers} layers`);
    const window = config.positiveInteger('sliding_window');
    const isOn = config.boolean('use_sliding_window', false);
    const rule = (layer: number) => (hasRope[layer] ? 'full_attention' : 'sliding_attention');
    const layers = windowByLayer(config, isOn ? window : undefined, rule);
    return layers.map((layer, i) => ({ ...layer, ropeless: !(hasRope[i] ?? true) }));
  },
  fields: { silent: ['max_window_layers'] },
};

export const architectures: Readonly<Record<string, Architecture>> = { llama, mistral, qwen2, qwen3, smollm3 };
