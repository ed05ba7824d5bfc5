export const base = `gqac: 1
name: mixed
model: { vocab: 40, hidden: 36, layers: 4, context: 64, tie_embeddings: true }
attention: { q_heads: 4, kv_heads: 2, head_dim: 12, rope: { dim: 8, base: 1e6, pairing: interleaved }, memory_kv: 3, mask: { causal: true } }
mlp: { activation: silu, width: 50 }
`;

/** A spec of four layers, given the lines of its `layers` map. */
export function withLayers(...lines: readonly string[]): string {
  return `${base}layers:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Two kinds, each given as the changes of its attention. */
export function kindsOf(sliding: string, full = '{}', pattern = '[sliding, sliding, full]'): string {
  return withLayers(
    'kinds:',
    `  sliding: { attention: ${sliding} }`,
    `  full: { attention: ${full} }`,
    `pattern: ${pattern}`,
  );
}
