import { type MapOption, type OptionNode, since } from '../option.ts';

/** `attention.mask.where`. */
export const where = {
  kind: 'expression',
  form: 'a condition of the expression language',
  since,
  consumedBy: 'lower',
  doc: 'Only keys for which this condition holds, as in `q - k < 128 | is_memory`; see [expressions](expressions.md). On memory and zero columns it counts when it names `is_memory` or `is_zero`.',
} as const satisfies OptionNode;

const parameter = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'A learned tensor that expressions index by its name, `attn.parameters.NAME` in the checkpoint.',
  entries: {
    axes: {
      kind: 'axes',
      names: ['h', 'kv'],
      max: 65536,
      maxItems: 4,
      default: [],
      since,
      consumedBy: 'lower',
      doc: 'Its axes: `h` has `q_heads` entries, `kv` has `kv_heads`. Without any it is a single number.',
    },
  },
} as const satisfies MapOption;

/** `attention.score` and what it may name. */
export const expressions = {
  score: {
    kind: 'expression',
    form: 'a formula of the expression language',
    since,
    consumedBy: 'lower',
    doc: 'What becomes of the scaled logit `s`, as in `softcap(s, 50) - alibi_slope(h) * (q - k)`; see [expressions](expressions.md). In place of `softcap`, `alibi`, `t5_bias` and `bias`.',
  },
  parameters: {
    kind: 'declarations',
    form: 'a map from names to `{ axes }`',
    of: parameter,
    since,
    consumedBy: 'lower',
    doc: 'Learned tensors that `score` and `mask.where` may index.',
  },
} as const satisfies Readonly<Record<string, OptionNode>>;
