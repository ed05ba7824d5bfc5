import { type OptionNode, since } from '../option.ts';

/** Entries of a norm over the whole width; `like` names the norm whose settings it takes over, if it does. */
export const normEntries = (like?: string) => {
  const derived = like === undefined ? undefined : `that of ${like}`;
  return {
    kind: {
      kind: 'enum',
      values: ['rms', 'layer'],
      ...(derived === undefined ? { default: 'rms' } : { derived }),
      since,
      consumedBy: 'lower',
      doc: '`rms`: x / sqrt(mean(x²) + eps) · γ. `layer`: (x − mean) / sqrt(variance + eps) · γ + β.',
    },
    eps: {
      kind: 'number',
      min: 0,
      derived: derived ?? '1e-6 for `rms`, 1e-5 for `layer`',
      since,
      consumedBy: 'lower',
      doc: 'Added under the root.',
    },
    unit_offset: {
      kind: 'boolean',
      derived: derived ?? 'false',
      since,
      consumedBy: 'lower',
      doc: 'The checkpoint stores γ − 1; not without a weight.',
    },
    weight: {
      kind: 'boolean',
      derived: derived ?? 'true',
      since,
      consumedBy: 'lower',
      doc: 'The norm has a weight γ; false: γ = 1.',
    },
    bias: {
      kind: 'boolean',
      derived: derived ?? 'true for `layer` with a weight, else false',
      since,
      consumedBy: 'lower',
      doc: 'The norm has a bias β; not without a weight.',
    },
  } as const satisfies Readonly<Record<string, OptionNode>>;
};
