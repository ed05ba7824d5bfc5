import { attention, count, entry } from '../entry.ts';

export const positionRules = {
  ROPE001: entry({
    slug: 'rope-dim',
    severity: 'error',
    message: (a: { dim: number; headDim: number }) =>
      a.dim > a.headDim ? `rope dim ${a.dim} is more than head_dim ${a.headDim}` : `rope dim ${a.dim} is odd`,
    label: (a) => `expected an even number up to ${a.headDim}`,
    help: (a) =>
      a.headDim < 2
        ? 'delete `rope`: a head of one entry has no pair to turn'
        : `use an even \`dim\` up to ${a.headDim}`,
    why: 'RoPE turns pairs of entries of a head, so the rotated width is even and within the head.',
    issue: 'lucidrains/x-transformers#296: the rotary width was forced to 32 for heads of 4',
    failing: { spec: attention('hidden: 128', 'q_heads: 8', 'rope: { dim: 32 }') },
    mended: { spec: attention('hidden: 128', 'q_heads: 8', 'rope: { dim: 8 }') },
  }),
  ROPE002: entry({
    slug: 'rope-factors',
    severity: 'error',
    message: (a: { option: string; found: number; dim: number }) =>
      `\`${a.option}\` has ${count(a.found, 'factor')}, a rotated width of ${a.dim} has ${count(a.dim / 2, 'frequency').replace('ys', 'ies')}`,
    label: (a) => `expected ${a.dim / 2}`,
    help: () => 'copy the list from the config of the model, or correct `dim`',
    why: 'Each pair of entries has a frequency, and each frequency its own factor.',
    failing: { spec: attention('hidden: 64', 'q_heads: 8', longRope('[1, 1.5]', '[2, 4, 8, 16]')) },
    mended: { spec: attention('hidden: 64', 'q_heads: 8', longRope('[1, 1, 1.5, 1.5]', '[2, 4, 8, 16]')) },
  }),
  ROPE003: entry({
    slug: 'rope-pairing-undeclared',
    severity: 'error',
    message: () => 'the spec loads weights, and it is not said how their RoPE pairs entries',
    label: () => '`pairing` is missing',
    help: () => 'write `pairing: half` (Hugging Face, MiniMind) or `pairing: interleaved` (x-transformers, GPT-J)',
    why: 'Trained weights fit one pairing only; with the other the model runs and writes nonsense.',
    issue: 'jzhang38/TinyLlama#24, huggingface/nanotron#427',
    failing: {
      spec: `${attention('hidden: 512', 'q_heads: 8', 'rope: { base: 10000 }')}weights: { file: model.safetensors }\n`,
    },
    mended: {
      spec: `${attention('hidden: 512', 'q_heads: 8', 'rope: { base: 10000, pairing: half }')}weights: { file: model.safetensors }\n`,
    },
  }),
  ROPE004: entry({
    slug: 'rope-heads',
    severity: 'error',
    message: (a: { rotated: number; qHeads: number; kvHeads: number }) =>
      a.rotated > a.qHeads
        ? `${count(a.rotated, 'head')} are to turn, there are ${a.qHeads}`
        : `${a.rotated} of ${a.qHeads} query heads are to turn, and the ${count(a.kvHeads, 'KV head')} are shared by several`,
    label: (a) => (a.rotated > a.qHeads ? `at most ${a.qHeads}` : 'fewer than all heads'),
    help: (a) =>
      a.rotated > a.qHeads
        ? 'delete `heads` to turn all'
        : 'delete `heads` to turn all, or give each query head its own KV head',
    why: 'A key head is rotated or not. Shared by a query head that turns and one that does not, it would be wrong for one of them.',
    failing: { spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'rope: { heads: 4 }') },
    mended: { spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 8', 'rope: { heads: 4 }') },
  }),
  ROPE005: entry({
    slug: 'rope-range',
    severity: 'error',
    message: (a: { high: string; value: number; low: string; bound: number }) =>
      `\`${a.high}\` ${a.value} is not above ${a.low === '1' ? '1' : `\`${a.low}\` ${a.bound}`}`,
    label: (a) => `expected more than ${a.bound}`,
    help: (a) => `use a \`${a.high}\` above ${a.bound}`,
    why: 'Frequencies between the two are blended; without a range between them the formula divides by zero or turns round.',
    failing: { spec: attention('hidden: 64', 'q_heads: 8', llama3Rope(4, 1)) },
    mended: { spec: attention('hidden: 64', 'q_heads: 8', llama3Rope(1, 4)) },
  }),
  POS001: entry({
    slug: 'two-position-biases',
    severity: 'error',
    message: () => 'ALiBi and T5 biases are both added to the logits',
    label: () => 'the second of two',
    help: () => 'delete one: RoPE and learned positions go with either',
    why: 'Both say how logits fall with distance. x-transformers asserts the same.',
    issue: 'lucidrains/x-transformers: AttentionLayers asserts that alibi_pos_bias and rel_pos_bias exclude each other',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'alibi: {}', 't5_bias: {}') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'alibi: {}') },
  }),
  POS002: entry({
    slug: 'alibi-heads',
    severity: 'error',
    message: (a: { heads: number; qHeads: number }) => `${a.heads} heads have a slope, there are ${a.qHeads}`,
    label: (a) => `at most ${a.qHeads}`,
    help: () => 'delete `heads`: all heads have a slope then',
    why: 'The slopes depend on their number, so slopes for more heads than there are belong to another model.',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'alibi: { heads: 16 }') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'alibi: { heads: 4 }') },
  }),
  POS003: entry({
    slug: 't5-buckets',
    severity: 'error',
    message: (a: {
      buckets: number;
      bidirectional: boolean;
      exact?: number | undefined;
      maxDistance?: number | undefined;
    }) =>
      a.exact === undefined
        ? `${count(a.buckets, 'bucket')} are too few for two directions`
        : `max_distance ${a.maxDistance} leaves no distance for the logarithmic half of ${count(a.buckets, 'bucket')}`,
    label: (a) => (a.exact === undefined ? 'expected 4 or more' : `more than ${a.exact} are needed`),
    help: (a) =>
      a.exact === undefined
        ? 'use 4 buckets or more, or write `bidirectional: false`'
        : `use a \`max_distance\` above ${a.exact}, or fewer buckets`,
    why: 'Half of the buckets of a direction hold one distance each, the rest grow up to max_distance. Without room for both, the formula divides by zero.',
    failing: {
      spec: attention('q_heads: 8', 'head_dim: 64', 'mask: { causal: true }', 't5_bias: { max_distance: 16 }'),
    },
    mended: {
      spec: attention('q_heads: 8', 'head_dim: 64', 'mask: { causal: true }', 't5_bias: { max_distance: 17 }'),
    },
  }),
  WIN001: entry({
    slug: 'window-in-other-words',
    severity: 'error',
    message: (a: { key: string; window: number | undefined }) =>
      `\`${a.key}\` counts the keys before the query’s own, \`window\` counts that one too`,
    help: (a) =>
      a.window === undefined ? 'write `mask: { window: … }`, one more' : `write \`mask: { window: ${a.window} }\``,
    why: 'A window of W keys here includes the query’s own, as in transformers. x-transformers (`max_attend_past`) and FlashInfer (`window_left`) count the past only: the same number shows one key more.',
    issue: 'huggingface/transformers#39408 and others: windows that are off by one between implementations',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'mask: { causal: true, max_attend_past: 127 }') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'mask: { causal: true, window: 128 }') },
  }),
  WIN002: entry({
    slug: 'window-without-effect',
    severity: 'warning',
    message: (a: { window: number; context: number }) =>
      `the window of ${a.window} hides nothing in a context of ${a.context}`,
    label: () => 'as long as the longest sequence, or longer',
    help: () => 'delete `window`, or correct it',
    why: 'A window that no sequence outgrows is often one that was meant to be smaller, or a context that was.',
    failing: { spec: decoder('mask: { causal: true, window: 64 }') },
    mended: { spec: decoder('mask: { causal: true, window: 16 }') },
  }),
};

function longRope(short: string, long: string): string {
  return `rope: { scaling: { kind: longrope, factor: 4, original_context: 64, short_factor: ${short}, long_factor: ${long} } }`;
}

function llama3Rope(low: number, high: number): string {
  return `rope: { scaling: { kind: llama3, factor: 8, original_context: 64, low_freq_factor: ${low}, high_freq_factor: ${high} } }`;
}

/** A small model with this line in its `attention`. */
function decoder(line: string): string {
  return `${attention('q_heads: 4', line)}model: { vocab: 65, hidden: 64, layers: 2, context: 64 }\nmlp: { activation: silu, width: 128 }\n`;
}
