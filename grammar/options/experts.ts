import { extent, type MapOption, since } from '../option.ts';

const count = { kind: 'integer', min: 1, max: 1024, since, consumedBy: 'lower' } as const;

/** `mlp.experts`. */
export const experts = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'lower',
  doc: 'A mixture of experts: a router chooses some of many MLPs for each token, and their outputs are added by its weights.',
  entries: {
    count: { ...count, required: true, doc: 'Number of experts, E.' },
    active: { ...count, required: true, doc: 'Experts chosen for each token.' },
    width: {
      kind: 'integer',
      ...extent,
      derived: '`mlp.width`',
      since,
      consumedBy: 'lower',
      doc: 'Inner width of each expert.',
    },
    scoring: {
      kind: 'enum',
      values: ['softmax', 'sigmoid', 'topk_softmax'],
      default: 'softmax',
      since,
      consumedBy: 'lower',
      doc: 'Scores from the logits of the router. `softmax`: over all experts. `sigmoid`: of each by itself. `topk_softmax`: over the chosen experts only.',
    },
    normalized: {
      kind: 'boolean',
      derived: 'true; `topk_softmax` is normalised as it is',
      since,
      consumedBy: 'lower',
      doc: 'The scores of the chosen experts are divided by their sum.',
    },
    routed_scale: {
      kind: 'number',
      default: 1,
      since,
      consumedBy: 'lower',
      doc: 'Factor on the weights of the chosen experts.',
    },
    router_bias: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: 'The router has a bias: `mlp.router.bias`.',
    },
    correction_bias: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'lower',
      doc: '`mlp.correction_bias` is added to the scores for the choice, and not for the weights.',
    },
    groups: {
      kind: 'map',
      presence: 'meaning',
      since,
      consumedBy: 'lower',
      doc: 'Experts are chosen from the best groups only. The scores of others count as 0.',
      entries: {
        count: { ...count, required: true, doc: 'Equal groups of neighbouring experts.' },
        active: { ...count, required: true, doc: 'Groups that experts are chosen from.' },
        top: {
          ...count,
          default: 2,
          doc: 'The score of a group is the sum of so many of its best scores.',
        },
      },
    },
    biases: {
      kind: 'list',
      values: ['up', 'gate', 'down'],
      default: [],
      since,
      consumedBy: 'lower',
      doc: 'Matrices of the experts that have a bias.',
    },
    shared: {
      kind: 'map',
      presence: 'meaning',
      shorthand: 'width',
      since,
      consumedBy: 'lower',
      doc: 'An MLP that every token goes through beside its experts.',
      entries: {
        width: { kind: 'integer', ...extent, required: true, since, consumedBy: 'lower', doc: 'Its inner width.' },
        gate: {
          kind: 'boolean',
          default: false,
          since,
          consumedBy: 'lower',
          doc: 'Its output is multiplied by σ(x·w), w `mlp.shared_gate.weight`.',
        },
      },
    },
  },
} as const satisfies MapOption;
