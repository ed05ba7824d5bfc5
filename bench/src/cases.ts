import type { AttentionCase } from './reference.ts';

const llama = { qHeads: 32, kvHeads: 8, headDim: 128 } as const;
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

/** The shapes that are compared with peers. */
export const mainCases: readonly AttentionCase[] = [
  prefill('prefill 2,048', 2048),
  prefill('prefill 8,192', 8192),
  decode('decode 4,096', 4096),
  decode('decode 32,768', 32768),
];

/** With queries and outputs of f16, as peers have them. */
export const halfCases: readonly AttentionCase[] = mainCases.map((one) => ({
  ...one,
  name: `${one.name}, f16 in and out`,
  activations: 'f16',
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
  prefill('512 tokens on 8,192 keys', 512, { keys: 8192 }),
  decode('decode, head_dim 64', 4096, { headDim: 64 }),
  decode('decode, window 1,024', 32768, { window: 1024 }),
  decode('decode, one KV head', 4096, { kvHeads: 1 }),
  decode('decode, as many KV heads', 4096, { kvHeads: 32 }),
  decode('decode, memory, sinks, softcap', 4096, { memory: 16, sinks: true, softcap: 50 }),
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
  { name: 'f16 in and out', qHeads: 4, kvHeads: 2, headDim: 32, tokens: 40, keys: 40, activations: 'f16' },
];
