import { extent, type MapOption, type OptionNode, since } from '../option.ts';
import { where } from './expressions.ts';

/** `attention.mask`. */
const mask = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'Which keys a query sees.',
  entries: {
    causal: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'Only keys up to the query’s own position.',
    },
    window: {
      kind: 'integer',
      ...extent,
      since,
      consumedBy: 'lower',
      doc: 'Only keys less than so many positions before the query: with `causal` the last `window` keys, its own included.',
    },
    chunk: {
      kind: 'integer',
      ...extent,
      since,
      consumedBy: 'lower',
      doc: 'Only keys of the query’s own chunk: the sequence is cut after every `chunk` positions. Memory and zero columns are seen from all.',
    },
    prefix: {
      kind: 'integer',
      ...extent,
      word: 'runtime',
      since,
      consumedBy: 'lower',
      doc: 'So many first keys are seen by every query, whatever `causal`, `window` and `chunk` hide. `runtime`: a number given with the call, for each sequence.',
    },
    documents: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'Packed sequences: an input `documents` `[B, J]` says which document each token is of; a query sees keys of its own.',
    },
    padding: {
      kind: 'enum',
      values: ['none', 'keys', 'keys_and_queries'],
      default: 'none',
      since,
      consumedBy: 'lower',
      doc: '`keys`: an input `key_mask` `[B, J]` says which keys may be seen. `keys_and_queries`: rows of hidden tokens, and of queries before the first key, are zero too.',
    },
    where,
    memory: {
      kind: 'enum',
      values: ['always', 'windowed'],
      derived: '`always`; must be written with `window` and `memory_kv` or `zero_kv`',
      since,
      consumedBy: 'lower',
      doc: 'Memory and zero columns under a window: `windowed` as if they stood right before the first token.',
    },
  },
} as const satisfies MapOption;

/** `attention.bias`. */
const bias = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'A tensor `[1|B, 1|H, I, J]` given at run time and added to the logits of sequence keys. Biases of projections are `biases`.',
  entries: {
    batch: { kind: 'boolean', default: false, since, consumedBy: 'lower', doc: 'One for each sequence.' },
    heads: { kind: 'boolean', default: true, since, consumedBy: 'lower', doc: 'One for each query head.' },
  },
} as const satisfies MapOption;

/** Options of `attention` between the product q·k and the sum over values. */
export const logits = {
  softcap: {
    kind: 'number',
    since,
    consumedBy: 'lower',
    doc: 'Logits become c · tanh(x / c); above 0.',
  },
  logits_order: {
    kind: 'list',
    values: ['cap', 'bias'],
    ordering: true,
    derived: '`[cap, bias]`; must be written when there are both `softcap` and `alibi`, `t5_bias` or `bias`',
    since,
    consumedBy: 'lower',
    doc: 'Which comes first: `[cap, bias]` (Gemma) or `[bias, cap]` (x-transformers).',
  },
  bias,
  mask,
  sinks: {
    kind: 'boolean',
    default: false,
    since,
    consumedBy: 'lower',
    doc: 'A learned logit for each query head in the denominator of the softmax, without a value.',
  },
  head_mixing: {
    kind: 'list',
    values: ['pre', 'post', 'pre_scale_post'],
    default: [],
    since,
    consumedBy: 'plan',
    doc: 'Learned mixing of query heads, each with its `[H, H]`: `pre` s + W·s, `post` W·p, `pre_scale_post` p · (W·s), with logits s and probabilities p.',
  },
  normalizer: {
    kind: 'map',
    presence: 'grouping',
    shorthand: 'kind',
    since,
    consumedBy: 'lower',
    doc: 'What turns logits into probabilities.',
    entries: {
      kind: {
        kind: 'enum',
        values: ['softmax', 'topk', 'sigmoid'],
        default: 'softmax',
        since,
        consumedBy: 'lower',
        doc: '`topk`: softmax over the `k` largest logits of a row, equal ones kept. `sigmoid`: each logit by itself.',
      },
      k: {
        kind: 'integer',
        ...extent,
        derived: 'required for `topk`',
        since,
        consumedBy: 'lower',
        doc: 'Logits that are kept, of all columns.',
      },
    },
  },
} as const satisfies Readonly<Record<string, OptionNode>>;

/** `attention.gates`. */
export const gates = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'Factors on the output of the heads, from the attention’s input x.',
  entries: {
    head_scale: { kind: 'boolean', default: false, since, consumedBy: 'lower', doc: 'A learned factor for each head.' },
    head: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'σ(x·W + b) for each query head, W `[H, hidden]`.',
    },
    value: {
      kind: 'enum',
      values: ['none', 'sigmoid', 'silu'],
      default: 'none',
      since,
      consumedBy: 'lower',
      doc: 'act(x·W) for each entry of each head, W `[H·Dv, hidden]`.',
    },
    output_glu: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'The output projection makes two halves a and b; the result is a · σ(b).',
    },
  },
} as const satisfies MapOption;
