import { extent, heads, type MapOption, since } from '../option.ts';

/** `attention.mla`. */
export const latent = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'Multi-head latent attention (DeepSeek): keys and values of all heads are made from one latent row of a token. `q_heads` KV heads; the cache holds what is made, not the latent rows.',
  entries: {
    q_rank: {
      kind: 'integer',
      ...extent,
      derived: 'absent: queries are projected from the input at once',
      since,
      consumedBy: 'lower',
      doc: 'Width of the latent row that queries are made from.',
    },
    kv_rank: {
      kind: 'integer',
      ...extent,
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'Width of the latent row that keys and values are made from.',
    },
    nope_dim: {
      kind: 'integer',
      ...heads,
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'Entries of a head that do not turn: its first ones.',
    },
    rope_dim: {
      kind: 'integer',
      ...heads,
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'Entries that `rope` turns: the last of a head. Those of the keys are the same for all heads.',
    },
    value_dim: {
      kind: 'integer',
      ...heads,
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'Width of values, Dv.',
    },
    norm_eps: {
      kind: 'number',
      min: 0,
      default: 1e-6,
      since,
      consumedBy: 'lower',
      doc: 'Of the RMS norms of the latent rows.',
    },
  },
} as const satisfies MapOption;
