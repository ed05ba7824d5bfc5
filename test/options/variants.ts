import type { PrintableSpec } from '../../src/compiler/syntax/print.ts';

const block = { hidden: 32, q_heads: 4 };
const model = { vocab: 16, hidden: 32, layers: 2, context: 24 };
const mlp = { activation: 'silu', width: 48 };
const causal = { mask: { causal: true } };

const specs = {
  'given heads': { attention: { q_heads: 4, kv_heads: 2, head_dim: 8 } },
  'attention alone': { attention: block },
  'causal attention with memory': {
    attention: { ...block, kv_heads: 2, memory_kv: { slots: 2 }, zero_kv: true, ...causal },
  },
  'windowed attention': { attention: { ...block, softcap: 5, rope: {}, mask: { causal: true, window: 6 } } },
  'biased attention': { attention: { ...block, bias: {}, t5_bias: {}, normalizer: 'sigmoid' } },
  'cross-attention': { attention: { ...block, kv_heads: 2, cross: 20 } },
  'split inputs': { attention: { ...block, kv_heads: 2, inputs: 'split_qkv' } },
  'normed attention': {
    attention: {
      ...block,
      kv_heads: 2,
      qk_norm: { kind: 'rms' },
      value_norm: {},
      memory_kv: { slots: 2, normalized: true },
    },
  },
  decoder: { model, attention: { q_heads: 4, kv_heads: 2, rope: {}, ...causal }, mlp },
  'decoder of two kinds': {
    model,
    attention: { q_heads: 4, ...causal },
    mlp: { ...mlp, kind: 'plain' },
    layers: {
      kinds: { full: {}, near: { attention: { kv_heads: 2, mask: { window: 5 } } } },
      pattern: ['near', 'full'],
    },
  },
  'mixture of experts': {
    model,
    attention: { q_heads: 4, alibi: {}, value_residual: {}, ...causal },
    mlp: { ...mlp, experts: { count: 4, active: 2 } },
  },
  'decoder of integers': {
    model: { ...model, hidden: 64 },
    attention: { q_heads: 4, ...causal },
    mlp: { ...mlp, width: 64 },
    weights: { dtype: 'int4' },
  },
  encoder: {
    model: { ...model, positions: { kind: 'learned' }, norm: { kind: 'layer' }, head: { kind: 'hidden' } },
    attention: { q_heads: 4 },
    mlp,
  },
} as const satisfies Readonly<Record<string, PrintableSpec>>;

/** Kinds of modules, with little but what makes them one: each takes other options, and ignores none. */
export const variants: readonly (readonly [string, PrintableSpec])[] = Object.entries(specs).map(([name, spec]) => [
  name,
  { gqac: 1, name: 'variant', ...spec },
]);

const scaled = (scaling: PrintableSpec, rest: PrintableSpec = {}) => ({
  attention: { ...block, rope: { scaling }, ...causal, ...rest },
});
const mla = { kv_rank: 8, nope_dim: 4, rope_dim: 4, value_dim: 8 };

/** Options that need others beside them, by the paths that they begin with. */
const neighbourhoods: readonly (readonly [path: string, spec: PrintableSpec])[] = [
  [
    'model.positions',
    { model: { ...model, positions: { kind: 'sinusoidal' } }, attention: { q_heads: 4, ...causal }, mlp },
  ],
  ['attention.rope.scaling', scaled({ kind: 'linear', factor: 2 })],
  ['attention.rope.scaling', scaled({ kind: 'dynamic', factor: 2, original_context: 16 })],
  [
    'attention.rope.scaling',
    scaled({ kind: 'llama3', factor: 4, original_context: 64, low_freq_factor: 1, high_freq_factor: 4 }),
  ],
  ['attention.rope.scaling', scaled({ kind: 'yarn', factor: 4, original_context: 64 })],
  [
    'attention.rope.scaling',
    scaled({ kind: 'yarn', factor: 4, original_context: 64, mscale: 1, mscale_all_dim: 1 }, { mla }),
  ],
  [
    'attention.rope.scaling',
    scaled({
      kind: 'longrope',
      factor: 2,
      original_context: 16,
      short_factor: [1, 1, 1, 1],
      long_factor: [2, 2, 2, 2],
    }),
  ],
  [
    'attention.parameters',
    { attention: { ...block, kv_heads: 2, parameters: { slope: { axes: ['h'] } }, score: 's * slope[0]' } },
  ],
  ['attention.functions', { attention: { ...block, functions: { twice: { body: 's * 2' } }, score: 'twice()' } }],
  [
    'attention.logits_order',
    { attention: { ...block, softcap: 5, alibi: {}, logits_order: ['cap', 'bias'], ...causal } },
  ],
  ['attention.normalizer', { attention: { ...block, normalizer: { kind: 'topk', k: 4 } } }],
  ['attention.precision.compute', { attention: { q_heads: 4, head_dim: 16, cache: { dtype: 'f16' }, ...causal } }],
  ['attention.precision.activations', { attention: { q_heads: 4, head_dim: 16, ...causal } }],
  ['attention.mla', { attention: { ...block, mla, ...causal } }],
  ['attention.cache', { attention: { ...block, cache: { kind: 'ring' }, mask: { causal: true, window: 6 } } }],
  ['attention.cache', { attention: { ...block, cache: { kind: 'paged' }, ...causal } }],
  ['mlp.clamp', { model, attention: { q_heads: 4, ...causal }, mlp: { ...mlp, activation: 'clamped_swiglu' } }],
  [
    'mlp.experts.groups',
    {
      model,
      attention: { q_heads: 4, ...causal },
      mlp: { ...mlp, experts: { count: 16, active: 2, groups: { count: 4, active: 2 } } },
    },
  ],
];

/** Each with the path of the options that it is for. */
export const closerLooks = neighbourhoods.map(([path, spec]) => [path, { gqac: 1, name: 'variant', ...spec }] as const);
