import { attention, entry } from '../entry.ts';

const mixture = (mlp: string) =>
  `${attention('q_heads: 4', 'mask: { causal: true }')}model: { vocab: 16, hidden: 32, layers: 2, context: 8 }
mlp: { activation: silu, width: 64, ${mlp} }
`;

export const optionRules = {
  OPT001: entry({
    slug: 'option-not-read',
    severity: 'error',
    message: (a: { option: string; reason: string; help: string }) => `nothing reads \`${a.option}\`: ${a.reason}`,
    help: (a) => a.help,
    why: 'The option is a good one, but no pass that makes this module reads it. Other systems ignore such options without a word, and what was meant is not what runs.',
    issue:
      'sgl-project/sglang#30050, vllm-project/vllm#48011, AI-Hypercomputer/maxtext#4615: options that the chosen implementation ignores',
    failing: { spec: mixture('biases: [up], experts: { count: 4, active: 2 }') },
    mended: { spec: mixture('experts: { count: 4, active: 2, biases: [up] }') },
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
