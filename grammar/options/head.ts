import { type MapOption, since } from '../option.ts';
import { activations } from './mlp.ts';
import { normEntries } from './model-norms.ts';

/** `model.head`. */
export const head = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'lower',
  doc: 'What comes after the last layer.',
  entries: {
    kind: {
      kind: 'enum',
      values: ['logits', 'hidden'],
      default: 'logits',
      since,
      consumedBy: 'lower',
      doc: '`logits`: a score for each token of the vocabulary. `hidden`: the module gives the residual stream `[B, I, hidden]`.',
    },
    bias: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'The head has a bias `[vocab]`.',
    },
    transform: {
      kind: 'map',
      presence: 'meaning',
      shorthand: 'activation',
      since,
      consumedBy: 'lower',
      doc: 'A projection before the head: norm(act(W·x + b)), W `[embedding_width, hidden]`.',
      entries: {
        activation: {
          kind: 'enum',
          values: activations,
          required: true,
          since,
          consumedBy: 'emit',
          doc: 'As in `mlp`.',
        },
        norm: {
          kind: 'map',
          presence: 'grouping',
          since,
          consumedBy: 'lower',
          doc: 'Its norm.',
          entries: normEntries('`model.norm`'),
        },
      },
    },
  },
} as const satisfies MapOption;
