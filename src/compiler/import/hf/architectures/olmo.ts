import { type Architecture, size } from '../architecture.ts';
import { allWhole } from '../weight-sources.ts';
import { attentionBias, llama, llamaNames, llamaSizes } from './llama.ts';

const at = 'layers.{i}';

const olmo: Architecture = {
  ...llama,
  sizes: { ...llamaSizes, vocab: size(50304, 'vocab_size') },
  norm: { kind: 'layer', eps: 1e-5, weight: false },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    clip_qkv: config.number('clip_qkv'),
  }),
  mlp: { ...llama.mlp, biases: [] },
  conventions: { ...llama.conventions, 'model.norm': 'norms have no weights' },
};

/** Norms stand after attention and MLP, and over whole projections of q and k. */
const olmo2: Architecture = {
  ...llama,
  sizes: { ...llamaSizes, vocab: size(50304, 'vocab_size') },
  norm: { ...llama.norm, eps: 1e-5 },
  model: { block: { norms: 'output' } },
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    qk_norm: { kind: 'rms', eps: config.number('rms_norm_eps') ?? 1e-5, weight: 'projection' },
  }),
  mlp: { ...llama.mlp, biases: [] },
  weights: {
    ...llama.weights,
    names: () => ({
      ...llamaNames,
      ...allWhole({
        [`${at}.attn_out_norm`]: `${at}.post_attention_layernorm`,
        [`${at}.mlp_out_norm`]: `${at}.post_feedforward_layernorm`,
      }),
    }),
  },
  conventions: {
    ...llama.conventions,
    'model.block': 'norms stand after attention and MLP',
    'attention.qk_norm': 'q and k are normalised before RoPE, all heads together',
  },
};

export const architectures: Readonly<Record<string, Architecture>> = { olmo, olmo2 };
