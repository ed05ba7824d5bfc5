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
      doc: 'Heads that are computed, from 0 on; the output of the others is zero, without any work. `runtime`: a mask `active_heads` `[H]` of 0 and 1, all ones until it is set.',
    },
  },
} as const satisfies MapOption;
