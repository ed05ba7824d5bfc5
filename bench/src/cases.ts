import type { AttentionCase } from './reference.ts';

/** Queries and outputs are f16, as peers have them. */
const llama = { qHeads: 32, kvHeads: 8, headDim: 128, activations: 'f16' } as const;
const prefill = (name: string, tokens: number, options: Partial<AttentionCase> = {}): AttentionCase => ({
  name,
  ...llama,
  tokens,
  keys: tokens,
  ...options,
});
const decode = (name: string, keys: number, options: Partial<AttentionCase> = {}): AttentionCase => ({
  name,
  ...llama,
  tokens: 1,
  keys,
  ...options,
});

/** Queries and outputs of f32; the factor makes them such that f16 does not hold them. */
const wide = { activations: 'f32', queryScale: 1.1 } as const;

/** Queries come from projections, which are left out. */
const int8 = { activations: 'f32', cache: { kind: 'int8' } } as const;

/** DeepSeek's V3: rows of 512 + 64 entries for 128 heads of 128 + 64. */
const latent = {
  activations: 'f32',
  qHeads: 128,
  kvHeads: 1,
  headDim: 576,
  cache: { kind: 'latent', valueDim: 512, ownDim: 128 },
} as const;

/** The shapes that are compared with peers. */
export const mainCases: readonly AttentionCase[] = [
  prefill('prefill 2,048', 2048),
  prefill('prefill 8,192', 8192),
  decode('decode 4,096', 4096),
  decode('decode 32,768', 32768),
];

export const wideCases: readonly AttentionCase[] = mainCases.map((one) => ({
  ...one,
  ...wide,
  name: `${one.name}, f32 in and out`,
}));

/** One thing changed at a time: work per time should stay what it is. */
export const variedCases: readonly AttentionCase[] = [
  ...[64, 80, 96, 256].map((headDim) => prefill(`head_dim ${headDim}`, 2048, { headDim })),
  prefill('window 1,024', 2048, { window: 1024 }),
  prefill('window 1,024, long', 8192, { window: 1024 }),
  prefill('16 memory slots, sinks, softcap', 2048, { memory: 16, sinks: true, softcap: 50 }),
  prefill('one KV head', 2048, { kvHeads: 1 }),
  prefill('as many KV heads', 2048, { kvHeads: 32 }),
  prefill('ragged 2,000', 2000),
  prefill('ragged 8,191', 8191),
  prefill('logits 8 times as large', 2048, { queryScale: 8 }),
  prefill('logits to ±10,000', 2048, { queryScale: 2048 }),
  prefill('f32, logits 8 times as large', 2048, { ...wide, queryScale: 8.1 }),
  prefill('f32, logits to ±10,000', 2048, { ...wide, queryScale: 2047.3 }),
  prefill('512 tokens on 8,192 keys', 512, { keys: 8192 }),
  prefill('4 tokens on 8,192 keys', 4, { keys: 8192 }),
  prefill('8 sequences of 100 to 2,000', 2000, { lengths: [100, 371, 643, 914, 1186, 1457, 1729, 2000] }),
  prefill('f32, rounded by compute: f16', 2048, { ...wide, compute: 'f16' }),
  prefill('f32, rounded by compute: f16, long', 8192, { ...wide, compute: 'f16' }),
  prefill('int8 cache', 2048, int8),
  decode('decode, head_dim 64', 4096, { headDim: 64 }),
  decode('decode, window 1,024', 32768, { window: 1024 }),
  decode('decode, one KV head', 4096, { kvHeads: 1 }),
  decode('decode, as many KV heads', 4096, { kvHeads: 32 }),
  decode('decode, memory, sinks, softcap', 4096, { memory: 16, sinks: true, softcap: 50 }),
  decode('decode, f32 keys', 4096, { activations: 'f32', keyDtype: 'f32' }),
  decode('decode, f32 keys, long', 32768, { activations: 'f32', keyDtype: 'f32' }),
  decode('decode, int8 cache', 4096, int8),
  decode('decode, int8 cache, long', 32768, int8),
  decode('decode, latent cache', 4096, latent),
  decode('decode, latent cache, long', 16384, latent),
  prefill('prefill 512, latent cache', 512, latent),
];

/** Lengths of the scaling plot. */
export const scalingCases: readonly AttentionCase[] = [512, 1024, 4096, 16384].flatMap((length) => [
  prefill(`prefill ${length}`, length),
  decode(`decode ${length}`, length),
]);

/** Small enough for a software adapter: shows that everything runs and is right, not how fast it is. */
export const smokeCases: readonly AttentionCase[] = [
  { name: 'prefill', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 40, keys: 40 },
  {
    name: 'window, memory, sinks',
    qHeads: 4,
    kvHeads: 1,
    headDim: 16,
    tokens: 24,
    keys: 24,
    window: 9,
    memory: 3,
    sinks: true,
    softcap: 20,
  },
  { name: 'decode', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 1, keys: 150 },
  { name: 'decode, f32 keys', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 1, keys: 150, keyDtype: 'f32' },
  { name: 'f16 in and out', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 40, keys: 40, activations: 'f16' },
  { name: 'int8 cache', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 20, keys: 50, cache: { kind: 'int8' } },
  { name: 'decode, int8 cache', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 1, keys: 50, cache: { kind: 'int8' } },
  {
    name: 'decode, latent cache',
    qHeads: 4,
    kvHeads: 1,
    headDim: 40,
    tokens: 1,
    keys: 50,
    cache: { kind: 'latent', valueDim: 32, ownDim: 8 },
  },
  { name: 'ragged batch', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 40, keys: 40, lengths: [7, 40, 23] },
];
