/** A block of attention from latent rows, given its other options. */
export const blockOf = (options: string, mla = 'q_rank: 10, kv_rank: 9, nope_dim: 6, rope_dim: 4, value_dim: 5') =>
  `attention: { hidden: 14, q_heads: 3, mla: { ${mla} }, mask: { causal: true }, ${options} }\n`;

const yarn = 'scaling: { kind: yarn, factor: 4, original_context: 32, mscale: 0.707, mscale_all_dim: 1.2 }';

export const blocks = {
  'interleaved rotation and YaRN with both factors': blockOf(`rope: { base: 100, pairing: interleaved, ${yarn} }`),
  'half rotation, queries projected at once': blockOf(
    'rope: { base: 100, pairing: half }',
    'kv_rank: 9, nope_dim: 7, rope_dim: 4, value_dim: 12',
  ),
  'no rotation': blockOf('softcap: 3'),
} as const;

export const model = `model: { vocab: 40, hidden: 36, layers: 2, context: 64 }
attention: { q_heads: 4, mla: { q_rank: 20, kv_rank: 17, nope_dim: 8, rope_dim: 6, value_dim: 10 }, rope: { base: 1e4, pairing: interleaved }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { activation: silu, width: 40 }
weights: { dtype: f16 }
`;
