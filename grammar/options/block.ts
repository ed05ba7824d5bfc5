import { type MapOption, since } from '../option.ts';

/** `model.block`. */
export const block = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'Where the norms of a layer stand, and how its two parts join the residual stream x.',
  entries: {
    norms: {
      kind: 'enum',
      values: ['pre', 'post', 'sandwich', 'output'],
      default: 'pre',
      since,
      consumedBy: 'lower',
      doc: '`pre`: x + f(norm(x)). `post`: norm(x + f(x)). `sandwich`: x + out_norm(f(norm(x))). `output`: x + out_norm(f(x)).',
    },
    parallel: {
      kind: 'enum',
      values: ['none', 'one_norm', 'two_norms'],
      default: 'none',
      since,
      consumedBy: 'lower',
      doc: '`one_norm`: x + attention(norm(x)) + mlp(norm(x)). `two_norms`: x + attention(norm(x)) + mlp(mlp_norm(x)). Only with `norms: pre`.',
    },
    residual_scale: {
      kind: 'number',
      above: 0,
      default: 1,
      since,
      consumedBy: 'lower',
      doc: 'Factor s on what a part adds: x + s · f(…). With `norms: pre` or `post`.',
    },
  },
} as const satisfies MapOption;
