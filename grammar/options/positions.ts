import { extent, heads, type MapOption, since } from '../option.ts';
import { ropeScaling } from './rope-scaling.ts';

/** `attention.rope`. */
export const rope = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'Rotary positions on queries and sequence keys; memory keys have no position.',
  entries: {
    dim: {
      kind: 'integer',
      ...heads,
      derived: '`head_dim`; `mla.rope_dim` with `mla`',
      since,
      consumedBy: 'lower',
      doc: 'Rotated width r, even: the first r entries of each head turn, with `mla` the last.',
    },
    base: {
      kind: 'number',
      above: 0,
      default: 10000,
      since,
      consumedBy: 'lower',
      doc: 'Entry pair e turns by position · base^(−2e / r).',
    },
    pairing: {
      kind: 'enum',
      values: ['half', 'interleaved'],
      derived: '`half`; must be written when the spec has `weights`',
      since,
      consumedBy: 'plan',
      doc: '`half`: entry e pairs with e + r/2. `interleaved`: 2e pairs with 2e + 1.',
    },
    heads: {
      kind: 'integer',
      ...heads,
      derived: '`q_heads`',
      since,
      consumedBy: 'lower',
      doc: 'Only the last so many heads of q and k turn; fewer than all need K = H.',
    },
    scaling: ropeScaling,
  },
} as const satisfies MapOption;

/** `attention.alibi`. */
export const alibi = {
  kind: 'map',
  presence: 'meaning',
  shorthand: 'heads',
  since,
  consumedBy: 'lower',
  doc: 'Adds −slope_h · |position of q − position of k| to the logits of sequence keys.',
  entries: {
    heads: {
      kind: 'integer',
      ...heads,
      derived: '`q_heads`',
      since,
      consumedBy: 'lower',
      doc: 'Heads that have a slope, the first ones; slopes are the closest-power-of-two sequence for so many.',
    },
    scale: { kind: 'number', above: 0, default: 1, since, consumedBy: 'lower', doc: 'Factor on the slopes.' },
  },
} as const satisfies MapOption;

/** `attention.t5_bias`. */
export const t5Bias = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'Adds scale · table[bucket(q − k), h] to the logits of sequence keys, with a learned table `[buckets, H]`.',
  entries: {
    buckets: {
      kind: 'integer',
      min: 2,
      max: 65536,
      default: 32,
      since,
      consumedBy: 'lower',
      doc: 'Rows of the table: half of the distances exactly, the rest on a logarithmic scale.',
    },
    max_distance: {
      kind: 'integer',
      ...extent,
      default: 128,
      since,
      consumedBy: 'lower',
      doc: 'From this distance on, all share the last bucket.',
    },
    scale: { kind: 'number', default: 1, since, consumedBy: 'lower', doc: 'Factor on the table.' },
    bidirectional: {
      kind: 'boolean',
      derived: 'the opposite of `mask.causal`',
      since,
      consumedBy: 'lower',
      doc: 'Half of the buckets are for keys after the query; else those count as distance 0.',
    },
  },
} as const satisfies MapOption;
