import { attention, entry } from '../entry.ts';

export const optionRules = {
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
