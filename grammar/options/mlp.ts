import { extent, type MapOption, since } from '../option.ts';
import { experts } from './experts.ts';

/** Functions of one number. */
export const activations = ['silu', 'gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'relu2'] as const;

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
      values: [...activations, 'clamped_swiglu'],
      required: true,
      since,
      consumedBy: 'emit',
      doc: '`gelu` is exact (erf); `quick_gelu` is x · σ(1.702 · x); `relu2` is relu(x)²; `clamped_swiglu` is that of `clamp`.',
    },
    clamp: {
      kind: 'map',
      presence: 'grouping',
      since,
      consumedBy: 'emit',
      doc: '`clamped_swiglu`: (u + 1) · g · σ(alpha · g), the gate g up to `limit`, u = up(x) within ±`limit`.',
      entries: {
        limit: {
          kind: 'number',
          above: 0,
          default: 7,
          since,
          consumedBy: 'emit',
          doc: 'Largest gate, and bound of up(x).',
        },
        alpha: { kind: 'number', default: 1.702, since, consumedBy: 'emit', doc: 'Factor within the sigmoid.' },
      },
    },
    width: {
      kind: 'integer',
      ...extent,
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'Inner width; with `experts`, that of an expert which has no width of its own.',
    },
    biases: {
      kind: 'list',
      values: ['up', 'gate', 'down'],
      default: [],
      since,
      consumedBy: 'lower',
      doc: 'Matrices that have a bias; those of experts are in `experts.biases`.',
    },
    experts,
  },
} as const satisfies MapOption;
