import { exampleNames, exampleSpec } from '../frontend/helpers.ts';

/** Specs that between them have every option of attention, and layers that differ. */
export const richSpecs: readonly string[] = [
  `gqac: 1
name: rich
model: { vocab: 16, hidden: 64, layers: 3, context: 32 }
mlp: { kind: plain, activation: relu, width: 96 }
attention:
  q_heads: 4
  kv_heads: 4
  value_dim: 12
  qk_norm:
    - { kind: l2, groups: 2, weight: none, memory: true }
    - { kind: layer, weight: per_head, q: false, memory: false }
  value_norm: { weight: per_head, unit_offset: true }
  value_residual: learned
  rope: { dim: 8, heads: 2, pairing: half }
  t5_bias: { buckets: 8, max_distance: 20, scale: 4 }
  memory_kv: 3
  zero_kv: true
  mask: { causal: true, window: 9, memory: always }
  sinks: true
  softcap: 20
  logits_order: [bias, cap]
  head_mixing: [pre, post, pre_scale_post]
  normalizer: { kind: topk, k: 5 }
  gates: { head_scale: true, head: true, value: silu, output_glu: true }
`,
  `gqac: 1
name: cross
attention:
  hidden: 64
  out_hidden: 48
  q_heads: 8
  group_size: 4
  similarity: l2
  qk_norm: { kind: rms, weight: per_head }
  cross: 40
  bias: { batch: true }
  mask: { padding: keys }
  normalizer: sigmoid
  biases: [q, o]
`,
  `gqac: 1
name: expressions
attention:
  hidden: 64
  q_heads: 8
  group_size: 4
  memory_kv: 2
  zero_kv: true
  parameters: { slope: { axes: [h] }, table: { axes: [kv, 33] }, sharpness: { runtime: true } }
  functions: { near: { params: [d, n], body: "d < n" } }
  score: "select(is_memory | is_zero, s, softcap(s * sharpness, 50) - slope[h] * (q - k) + table[kv, min(q - k, 32)])"
  mask: { causal: true, where: "(near(q - k, 128) & k % 2 == 0) | is_memory | is_zero" }
`,
  `gqac: 1
name: mixed
model: { vocab: 16, hidden: 64, layers: 4, context: 32 }
mlp: { activation: silu, width: 96 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 16, rope: { pairing: half }, memory_kv: 3, mask: { causal: true } }
layers:
  kinds:
    sliding: { attention: { q_heads: 2, memory_kv: { slots: 2 }, mask: { window: 9, memory: always } } }
    full: { attention: { rope: none, value_residual: 0.5 }, mlp: { width: 64 } }
  pattern: [sliding, sliding, full]
`,
];

/** Specs of a few lines, each with what the rich ones leave out. */
const small = [
  'attention: { q_heads: 4, head_dim: 8 }',
  'attention: { q_heads: 6, kv_heads: 3, group_order: interleaved, head_dim: 8, value_dim: 12, sinks: true, mask: { causal: true, window: 5 } }',
  'attention: { hidden: 32, q_heads: 4, one_kv_head: true, head_dim: 20, alibi: { heads: 3 }, softcap: 15, logits_order: [cap, bias], mask: { causal: true } }',
  'attention: { hidden: 24, q_heads: 4, kv_heads: 2, head_dim: 6, inputs: split_qkv, qk_norm: { kind: rms, weight: shared }, biases: [q, k, v, o] }',
  'attention: { hidden: 24, q_heads: 2, head_dim: 12, mask: { causal: true, chunk: 4 }, cache: { dtype: f16 }, gates: { value: sigmoid } }',
  'attention: { hidden: 24, q_heads: 4, head_dim: 6, hooks: [q, scores, z], mask: { causal: true, documents: true } }',
  'attention: { hidden: 24, q_heads: 4, head_dim: 6, hooks: [scores], mask: { causal: true, where: "k % 2 == 0" } }',
  'attention: { hidden: 16, q_heads: 2, head_dim: 8 }\nattentions: { self: { mask: { causal: true } }, cross: { cross: 12 } }',
  'use: base\nblocks: { base: { attention: { q_heads: 4, kv_heads: 2, head_dim: 8 } } }',
  'model: { vocab: 12, hidden: 16, layers: 2, context: 12, norm: { kind: layer }, positions: { kind: learned } }\nmlp: { kind: plain, activation: gelu_tanh, width: 24, biases: [up, down] }\nattention: { q_heads: 2, mask: { causal: true }, biases: [q, k, v, o] }',
  'model: { vocab: 12, hidden: 16, layers: 2, context: 40 }\nmlp: { activation: silu, width: 24 }\nattention: { q_heads: 4, kv_heads: 2, head_dim: 8, rope: { pairing: half, base: 500 }, mask: { causal: true, window: 6 }, cache: { kind: ring } }\nweights: { dtype: bf16 }',
].map((text) => `gqac: 1\nname: small\n${text}\n`);

export const seedSpecs: readonly string[] = [...exampleNames.map(exampleSpec), ...richSpecs, ...small];
