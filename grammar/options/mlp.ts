import { extent, type MapOption, since } from '../option.ts';

/** `mlp`: the feed-forward part of every layer. */
export const mlp = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'The feed-forward part of every layer; required with `model`, refused without.',
  entries: {
    kind: {
      kind: 'enum',
      values: ['gated', 'plain'],
      default: 'gated',
      since,
      consumedBy: 'lower',
      doc: '`gated`: down(act(gate(x)) · up(x)). `plain`: down(act(up(x))).',
    },
    activation: {
      kind: 'enum',
      values: ['silu', 'gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'relu2'],
      required: true,
      since,
      consumedBy: 'emit',
      doc: '`gelu` is exact (erf); `quick_gelu` is x · σ(1.702 · x); `relu2` is relu(x)².',
    },
    width: { kind: 'integer', ...extent, required: true, since, consumedBy: 'lower', doc: 'Inner width.' },
    biases: {
      kind: 'list',
      values: ['up', 'gate', 'down'],
      default: [],
      since,
      consumedBy: 'lower',
      doc: 'Matrices that have a bias.',
    },
  },
} as const satisfies MapOption;
