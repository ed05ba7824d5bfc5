const model = 'model: { vocab: 40, hidden: 36, layers: 2, context: 64, tie_embeddings: true }';
const attention =
  'attention: { q_heads: 4, kv_heads: 2, head_dim: 12, rope: { base: 1e4, pairing: half }, mask: { causal: true } }';

/** A small model with these lines in its `mlp`. */
export const mixtureOf = (...lines: readonly string[]) =>
  [model, attention, 'mlp:', ...lines.map((line) => `  ${line}`), ''].join('\n');

/** The routers of models that are in use, and every option once. */
export const mixtures = {
  mixtral: mixtureOf('activation: silu', 'width: 50', 'experts: { count: 8, active: 2 }'),
  'qwen2 with a gated shared expert': mixtureOf(
    'activation: silu',
    'width: 50',
    'experts: { count: 70, active: 5, width: 21, normalized: false, shared: { width: 33, gate: true } }',
  ),
  'gpt-oss with biases and a clamped activation': mixtureOf(
    'activation: clamped_swiglu',
    'clamp: { limit: 1.5, alpha: 1.702 }',
    'width: 40',
    'experts: { count: 6, active: 3, scoring: topk_softmax, router_bias: true, biases: [up, gate, down] }',
  ),
  'deepseek v3 with groups, a correction and a shared expert, after a dense layer': `${mixtureOf(
    'activation: silu',
    'width: 64',
    'experts: { count: 16, active: 4, width: 24, scoring: sigmoid, routed_scale: 2.5, correction_bias: true, groups: { count: 4, active: 2 }, shared: 24 }',
  )}layers: { kinds: { dense: { mlp: { experts: none } }, sparse: {} }, pattern: [dense, sparse] }\n`,
  'plain experts of odd widths in bf16, with a dense clamped MLP in other layers': `${mixtureOf(
    'kind: plain',
    'activation: gelu',
    'width: 31',
    'experts: { count: 3, active: 3, width: 7, biases: [up, down], groups: { count: 3, active: 3, top: 1 } }',
  )}layers: { kinds: { a: {}, b: { mlp: { kind: gated, activation: clamped_swiglu, biases: [gate], experts: none } } }, pattern: [a, b] }
weights: { dtype: bf16 }\n`,
} as const;
