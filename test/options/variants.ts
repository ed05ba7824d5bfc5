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
