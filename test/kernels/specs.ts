import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { allSpecs, shapedFrom } from '../ir/specs.ts';

const attentionAlone = [4, 8, 16, 18, 20, 40, 64, 80, 96, 128, 256].flatMap((headDim, index) => [
  `attention: { q_heads: ${6 * (index + 1)}, kv_heads: ${index % 2 === 0 ? 2 : 3}, head_dim: ${headDim}, mask: { causal: true }, cache: { dtype: ${index % 3 === 0 ? 'f16' : 'f32'} } }`,
  `attention: { hidden: ${10 * index + 7}, q_heads: 5, one_kv_head: true, head_dim: ${headDim}, value_dim: ${257 - headDim}, group_order: interleaved, memory_kv: { slots: ${index + 1} }, biases: [q, o] }`,
]);

/** Every option that the forms with subgroups and matrices take in their own text. */
const halfCaches = [
  'head_dim: 128, memory_kv: 16, zero_kv: true, sinks: true, softcap: 50',
  'head_dim: 64, value_dim: 96, alibi: {}',
  'head_dim: 80, mask: { causal: true, window: 100, memory: always }, memory_kv: 3',
  'head_dim: 256, mask: { causal: true, chunk: 64 }',
  'head_dim: 20, value_dim: 72, mask: { causal: true, padding: keys_and_queries }',
  'head_dim: 12, mask: { prefix: 5, causal: true }',
  'head_dim: 72, sinks: true',
  'head_dim: 20, value_dim: 36, mask: { causal: true, window: 90, memory: windowed }, memory_kv: 9, zero_kv: true',
].flatMap((options, index) => {
  const heads = ['q_heads: 12, kv_heads: 2', 'q_heads: 8, kv_heads: 8', 'q_heads: 7, one_kv_head: true'][index % 3];
  return [
    `attention: { ${heads}, ${options}, cache: { dtype: f16 } }`,
    `attention: { hidden: 64, ${heads}, ${options}, cache: { dtype: f16 } }`,
    `attention: { hidden: 64, ${heads}, ${options}, cache: { dtype: int8 } }`,
  ];
});

/** Queries and outputs of f16, in every form that reads or writes them, by quads and by words. */
const halfActivations = [
  'q_heads: 8, kv_heads: 2, head_dim: 64, cache: { dtype: f16 }',
  'q_heads: 8, kv_heads: 2, head_dim: 64, mask: { causal: true, window: 9 }',
  'q_heads: 6, kv_heads: 3, head_dim: 18, value_dim: 10, cache: { dtype: f16 }',
  'q_heads: 6, kv_heads: 3, head_dim: 13, value_dim: 6, normalizer: sigmoid',
].map((options) => `attention: { ${options}, precision: { activations: f16 } }`);

/** Given queries of f32, which kernels with matrices round where logits are small. */
const roundedQueries = ['head_dim: 72, sinks: true', 'head_dim: 128, mask: { causal: true, window: 9 }'].map(
  (options) => `attention: { q_heads: 8, kv_heads: 2, ${options}, precision: { compute: f16 }, cache: { dtype: f16 } }`,
);

/** Latent rows too wide for one subgroup. */
const wideLatents = [
  'q_heads: 40',
  'q_heads: 9, softcap: 3, sinks: true, zero_kv: true',
  'q_heads: 16, score: "s - 0.01 * h * abs(q - k)"',
  'q_heads: 24, mask: { causal: true, padding: keys }',
].flatMap((options) =>
  ['kind: dense', 'kind: paged, page_size: 8'].map(
    (cache) =>
      `attention: { hidden: 16, ${options}, mla: { kv_rank: 256, nope_dim: 8, rope_dim: 64, value_dim: 8, cache: latent }, cache: { dtype: f16, ${cache} } }`,
  ),
);

/** Weights that make queries and values of latent rows, as matrices of f16. */
const latentMatrices = `
attention: { hidden: 16, q_heads: 9, mla: { kv_rank: 256, nope_dim: 32, rope_dim: 64, value_dim: 128, cache: latent }, cache: { dtype: f16 } }
weights: { dtype: f16 }`;

const qkNorms = ['{ kind: l2 }', '{ kind: l2, groups: 2 }', '{ kind: rms }', '{ kind: rms, unit_offset: true }'];

const models = ['silu', 'gelu', 'gelu_tanh', 'relu', 'relu2'].flatMap((activation, index) =>
  ['f32', 'f16', 'bf16'].map(
    (dtype, storage) => `
model: { vocab: ${300 + index}, hidden: ${index % 2 === 0 ? 48 : 33}, layers: 2, context: 64, tie_embeddings: ${storage === 0}, embedding_scale: ${1 + storage}, positions: { kind: ${storage === 1 ? 'learned' : 'none'} }, norm: { kind: ${storage === 2 ? 'layer' : 'rms'}, unit_offset: ${storage === 1} } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 12, qk_norm: ${qkNorms[(index + storage) % 4]}, rope: { dim: 8, pairing: ${index % 2 === 0 ? 'half' : 'interleaved'} }, memory_kv: { slots: 2, normalized: ${storage !== 1} }, mask: { causal: true }, cache: { dtype: ${storage === 0 ? 'f32' : 'f16'} }, biases: [k, v] }
mlp: { kind: ${index % 2 === 0 ? 'gated' : 'plain'}, activation: ${activation}, width: ${64 + index}, biases: [${index % 2 === 0 ? 'up, gate' : 'down'}] }
weights: { dtype: ${dtype} }`,
  ),
);

/** Integers, in every kernel that reads matrices. */
const integers = ['{ dtype: int8 }', '{ dtype: int4, group: 64 }'].flatMap((weights, index) => [
  `
model: { vocab: 70, hidden: 64, layers: 2, context: 64, final_softcap: 30 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 32, biases: [q, o], mask: { causal: true }, hooks: { names: [result] } }
mlp: { kind: ${index === 0 ? 'gated' : 'plain'}, activation: silu, width: 128, biases: [up, down] }
weights: ${weights}`,
  `
model: { vocab: 70, hidden: 64, layers: 2, context: 64 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 32, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 64, experts: { count: 4, active: 2, biases: [up, gate, down] } }
weights: ${weights}`,
  `
attention: { hidden: 64, q_heads: 4, kv_heads: 2, head_dim: 32, inputs: split_qkv }
weights: ${weights}`,
  `
model: { vocab: 70, hidden: 1024, layers: 1, context: 64, norm: { kind: ${index === 0 ? 'rms' : 'layer'} } }
attention: { q_heads: 4, kv_heads: 2, head_dim: 64, biases: [q], mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 1024 }
weights: ${weights}`,
]);

/** Heads that are not all alike, and that are given something of their own. */
const headClasses = [
  `model: { vocab: 33, hidden: 48, layers: 2, context: 64 }
attention: { q_heads: 6, kv_heads: 3, head_dim: 20, inputs: split_qkv, hooks: [q_input], mask: { causal: true } }
mlp: { activation: silu, width: 40 }`,
  'attention: { hidden: 40, q_heads: 12, kv_heads: 3, head_dim: 64, bias: { heads: true }, mask: { causal: true }, cache: { dtype: f16, ranges: { kv_heads: [1], dtype: f32 } } }',
  'attention: { hidden: 40, q_heads: 12, kv_heads: 3, head_dim: 64, heads: { active: [0, 1, 4, 5, 11] }, parameters: { a: { axes: [h], runtime: true } }, functions: { f: { params: [x], body: "x * a[h]" } }, score: "f(s) + kv", cache: { dtype: f16 } }',
];

/** Examples, reference cases, and specs that together take every option that a kernel's text depends on. */
export async function kernelSpecs(): Promise<ReadonlyMap<string, ShapedSpec>> {
  const specs = new Map(await allSpecs());
  for (const [index, text] of [
    ...attentionAlone,
    ...halfCaches,
    ...halfActivations,
    ...roundedQueries,
    ...wideLatents,
    latentMatrices,
    ...models,
    ...integers,
    ...headClasses,
  ].entries()) {
    specs.set(
      `spec ${index}: ${text.trim()}`,
      shapedFrom(`spec-${index}.yaml`, `gqac: 1\nname: s${index}\n${text.trim()}`),
    );
  }
  return specs;
}
