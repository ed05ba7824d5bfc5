import { type MapOption, since } from '../option.ts';

/** `attention.precision`. */
export const precision = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'plan',
  doc: 'Precision of what is computed and handed over; that of what is stored is `cache.dtype` and `weights.dtype`.',
  entries: {
    compute: {
      kind: 'enum',
      values: ['f32', 'f16'],
      default: 'f32',
      since,
      consumedBy: 'plan',
      doc: 'Products of queries and keys where kernels use matrices, for which keys are stored as `f16` or `int8`. `f32`: no row of the result (of 16 entries or more) is further off than 1e-3, relative to f64 on what is given and stored. `f16`: no further off than 5e-3: queries of f32 that the app gives are rounded to f16, which takes 0.4 times as long, unless logits are so large that it would show. All sums are f32.',
    },
    activations: {
      kind: 'enum',
      values: ['f32', 'f16'],
      default: 'f32',
      since,
      consumedBy: 'lower',
      doc: 'Queries that the app gives and the output that it gets, for attention alone on given q, k and v; these are of `cache.dtype`. What is computed from them is as precise: only the output is rounded. Matrix kernels take queries of f32 that f16 does not hold 2.5 times as long.',
    },
  },
} as const satisfies MapOption;
