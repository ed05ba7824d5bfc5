import { heads as count, type MapOption, since } from '../option.ts';

/** `attention.heads`. */
export const heads = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'plan',
  doc: 'Query heads that take part.',
  entries: {
    active: {
      kind: 'integers',
      min: 0,
      max: count.max - 1,
      word: 'runtime',
      derived: 'all',
      since,
      consumedBy: 'plan',
      doc: 'Heads that are computed, from 0 on; the output of the others is zero. Their rows of weights are not loaded, a KV head that no active head reads has no cache; beside `hooks`, `inputs: split_qkv`, `value_residual`, a norm over whole projections and integer weights only the attention leaves them out. `runtime`: a mask `active_heads` `[H]` of 0 and 1, all ones until it is set: the attention skips heads, projections and the cache do not.',
    },
  },
} as const satisfies MapOption;
