import { extent, heads, type MapOption, since } from '../option.ts';

const dtypes = ['f32', 'f16', 'int8'] as const;

/** `attention.cache`. */
export const cache = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'plan',
  doc: 'The cache of keys and values.',
  entries: {
    kind: {
      kind: 'enum',
      values: ['dense', 'ring', 'paged'],
      default: 'dense',
      since,
      consumedBy: 'plan',
      doc: '`dense`: a row for each position. `ring`: the rows of a `window` or `chunk` only, used again and again. `paged`: rows in pages that sequences take as they grow.',
    },
    dtype: {
      kind: 'enum',
      values: dtypes,
      default: 'f32',
      since,
      consumedBy: 'plan',
      doc: 'Storage of cached keys and values. `int8`: each key and each value of a head as integers from -127 to 127 with an f32 scale of its own.',
    },
    ranges: {
      kind: 'map',
      presence: 'grouping',
      maxItems: 64,
      since,
      consumedBy: 'plan',
      doc: 'KV heads whose keys and values are stored otherwise.',
      entries: {
        kv_heads: {
          kind: 'integers',
          min: 0,
          max: heads.max - 1,
          required: true,
          since,
          consumedBy: 'plan',
          doc: 'Which KV heads, from 0 on; each in one range at most.',
        },
        dtype: {
          kind: 'enum',
          values: dtypes,
          required: true,
          since,
          consumedBy: 'plan',
          doc: 'Storage of their keys and values.',
        },
      },
    },
    heads: {
      kind: 'integer',
      ...heads,
      derived: '`kv_heads`',
      since,
      consumedBy: 'check',
      doc: 'May be written, but always equals `kv_heads`.',
    },
    capacity: {
      kind: 'integer',
      ...extent,
      derived: '`window + prefill_chunk - 1`',
      since,
      consumedBy: 'plan',
      doc: 'Rows of a ring, for each sequence; with `mask.chunk` that takes the place of the window, if it is smaller.',
    },
    prefill_chunk: {
      kind: 'integer',
      min: 1,
      max: 65535,
      derived: '256, or the context if that is shorter; with `capacity` as many as it has room for',
      since,
      consumedBy: 'runtime',
      doc: 'Most tokens of one call with a ring: it has to hold what their first one sees.',
    },
    page_size: {
      kind: 'integer',
      min: 1,
      max: 4096,
      default: 16,
      since,
      consumedBy: 'plan',
      doc: 'Positions of a page: a power of two.',
    },
  },
} as const satisfies MapOption;
