/** A block of attention from latent rows, given its other options. */
export const blockOf = (options: string, mla = 'q_rank: 10, kv_rank: 9, nope_dim: 6, rope_dim: 4, value_dim: 5') =>
  `attention: { hidden: 14, q_heads: 3, mla: { ${mla} }, mask: { causal: true }, ${options} }\n`;

const yarn = 'scaling: { kind: yarn, factor: 4, original_context: 32, mscale: 0.7, mscale_all_dim: 1.2 }';

export const blocks = {
  'interleaved rotation and YaRN with both factors': blockOf(`rope: { base: 100, pairing: interleaved, ${yarn} }`),
  'half rotation, queries projected at once': blockOf(
    'rope: { base: 100, pairing: half }',
    'kv_rank: 9, nope_dim: 7, rope_dim: 4, value_dim: 12',
  ),
  'no rotation': blockOf('softcap: 3'),
  'latent rows are cached': blockOf(
    `rope: { base: 100, pairing: interleaved, ${yarn} }`,
    'q_rank: 10, kv_rank: 9, nope_dim: 6, rope_dim: 4, value_dim: 5, cache: latent',
  ),
  'latent rows are cached in pages, with biases': blockOf(
    'rope: { base: 100, pairing: half }, cache: { kind: paged, page_size: 4 }',
    'kv_rank: 12, nope_dim: 7, rope_dim: 4, value_dim: 12, cache: latent, bias: true',
  ),
} as const;

/** Expressions, masks and columns beside latent rows, which they must not know of. */
export const latentRows = {
  'a KV head for each head in an expression': blockOf(
    'score: "select(is_zero, s, s - 0.1 * kv * abs(q - k))", zero_kv: true, sinks: true, mask: { causal: true, window: 5, where: "kv != 1 | k != 2", memory: always }',
    'kv_rank: 8, nope_dim: 6, rope_dim: 2, value_dim: 4, cache: latent',
  ).replace('mask: { causal: true }, ', ''),
  'separate steps, heads at rest': blockOf(
    'normalizer: sigmoid, heads: { active: [0, 2] }, hooks: [q], gates: { head: true }, cache: { dtype: f16 }',
    'kv_rank: 16, nope_dim: 6, rope_dim: 4, value_dim: 4, cache: latent',
  ),
  'rows of f16 as subgroups read them': blockOf(
    'rope: { pairing: half }, cache: { dtype: f16 }, hooks: [q, scores, z]',
    'q_rank: 6, kv_rank: 16, nope_dim: 6, rope_dim: 8, value_dim: 4, cache: latent',
  ),
} as const;

export const model = `model: { vocab: 40, hidden: 36, layers: 2, context: 64 }
attention: { q_heads: 4, mla: { q_rank: 20, kv_rank: 17, nope_dim: 8, rope_dim: 6, value_dim: 10 }, rope: { base: 1e4, pairing: interleaved }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { activation: silu, width: 40 }
weights: { dtype: f16 }
`;

export const latentModel = model
  .replace('value_dim: 10 }', 'value_dim: 10, cache: latent, bias: true }')
  .replace('kv_rank: 17', 'kv_rank: 16');
