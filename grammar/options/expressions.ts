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
  doc: 'A tensor that expressions index by its name: learned, `attn.parameters.NAME` in the checkpoint, or given with each call.',
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
    runtime: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'It is given at run time, as `parameters.NAME` (`layers.{i}.parameters.NAME` in a model), and is not in the checkpoint.',
    },
  },
} as const satisfies MapOption;

const declaredFunction = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'A function that expressions call by its name; its body stands in place of each call.',
  entries: {
    params: {
      kind: 'words',
      form: 'a list of names',
      item: 'a name',
      derived: 'none',
      since,
      consumedBy: 'lower',
      doc: 'What its body calls the operands.',
    },
    body: {
      kind: 'expression',
      form: 'an expression',
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'What a call is, of any type: an expression over the names of the language, the parameters of the spec, its own, and other functions.',
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
    doc: 'Tensors that `score` and `mask.where` may index.',
  },
  functions: {
    kind: 'declarations',
    form: 'a map from names to `{ params, body }`',
    of: declaredFunction,
    since,
    consumedBy: 'lower',
    doc: 'Functions that `score`, `mask.where` and each other may call.',
  },
} as const satisfies Readonly<Record<string, OptionNode>>;
