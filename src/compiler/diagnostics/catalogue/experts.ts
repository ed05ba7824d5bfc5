import { attention, entry } from '../entry.ts';

/** A small model with these lines in its `experts`. */
function mixture(experts: string): string {
  return [
    attention('q_heads: 4').trimEnd(),
    'model: { vocab: 65, hidden: 64, layers: 2, context: 64 }',
    `mlp: { activation: silu, width: 32, experts: { ${experts} } }`,
    '',
  ].join('\n');
}

export const expertRules = {
  MOE001: entry({
    slug: 'active-experts',
    severity: 'error',
    message: (a: { active: number; count: number }) => `${a.active} experts are to be chosen, there are ${a.count}`,
    label: (a) => `at most ${a.count}`,
    help: () => 'use a smaller `active`, or correct `count`',
    why: 'The router chooses different experts; it cannot choose one twice.',
    failing: { spec: mixture('count: 8, active: 9') },
    mended: { spec: mixture('count: 8, active: 2') },
  }),
  MOE002: entry({
    slug: 'expert-groups',
    severity: 'error',
    message: (a: { problem: string }) => a.problem,
    help: () => 'copy `n_group` and `topk_group` from the config of the model, or delete `groups`',
    why: 'Groups are equal runs of experts, and the chosen groups must have as many experts as a token needs.',
    failing: { spec: mixture('count: 16, active: 4, groups: { count: 3, active: 2 }') },
    mended: { spec: mixture('count: 16, active: 4, groups: { count: 4, active: 2 }') },
  }),
};
