import { attention, entry } from '../entry.ts';

const unusedSinks = ['q_heads: 8', 'head_dim: 64', 'normalizer: sigmoid'];

export const lintRules = {
  LNT001: entry({
    slug: 'ignore-without-reason',
    severity: 'warning',
    message: (a: { code: string }) => `it is not said why ${a.code} is ignored`,
    help: (a) => `write the reason after a colon: \`# gqac-ignore ${a.code}: …\``,
    why: 'Whoever meets the comment next must be able to tell whether it still holds.',
    failing: { spec: attention(...unusedSinks, 'sinks: true  # gqac-ignore OPT002') },
    mended: { spec: attention(...unusedSinks, 'sinks: true  # gqac-ignore OPT002: the softmax run shares this file') },
  }),
  LNT002: entry({
    slug: 'ignore-without-effect',
    severity: 'warning',
    message: (a: { problem: string }) => a.problem,
    help: () => 'delete it from the comment, or correct it',
    why: 'An ignore that outlives its finding would hide the next one. Findings of the syntax and the schema cannot be ignored: what comes after them was not checked.',
    failing: {
      spec: attention('q_heads: 8', '# gqac-ignore OPT002: the sinks are for later', 'head_dim: 64'),
    },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64') },
  }),
};
