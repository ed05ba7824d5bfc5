import { attention, entry } from '../entry.ts';

export const optionRules = {
  NRM002: entry({
    slug: 'norm-groups-not-divisor',
    severity: 'error',
    message: (a: { groups: number; headDim: number }) =>
      `qk_norm groups ${a.groups} do not divide head_dim ${a.headDim}`,
    label: (a) => `not a divisor of ${a.headDim}`,
    help: () => 'each head is cut into equal groups: use a divisor of head_dim',
    why: 'The groups of a normalised head are equal parts of it.',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'qk_norm: { kind: l2, groups: 3 }') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'qk_norm: { kind: l2, groups: 4 }') },
  }),
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
    failing: { spec: attention('q_heads: 8', 'head_dim: 16', 'rope: { dim: 32 }') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 16', 'rope: { dim: 8 }') },
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
      spec: `${attention('q_heads: 8', 'head_dim: 64', 'rope: { base: 10000 }')}weights: { file: model.safetensors }\n`,
    },
    mended: {
      spec: `${attention('q_heads: 8', 'head_dim: 64', 'rope: { base: 10000, pairing: half }')}weights: { file: model.safetensors }\n`,
    },
  }),
  OPT002: entry({
    slug: 'option-without-effect',
    severity: 'warning',
    message: (a: { option: string; reason: string }) => `\`${a.option}\` has no effect: ${a.reason}`,
    help: (a) => `delete \`${a.option}\`, or write what it needs`,
    why: 'An option that changes nothing is usually half of something that was meant.',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'memory_kv: { slots: 4, normalized: true }') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'memory_kv: { slots: 4 }') },
  }),
};
