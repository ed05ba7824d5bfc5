import { describe, expect, it } from 'vitest';
import { useDevice } from '../numeric/harness.ts';
import { groupsOf, pairsOf } from './groups.ts';
import { type AttentionOption, attentionOptions, callOptions, refusedOverContext, refusedPairs } from './options.ts';
import { expectGroups, refusalsOf } from './run.ts';

/** Two options that give one argument different values are no pair. */
const agree = (a: AttentionOption, b: AttentionOption) =>
  Object.entries({ ...a.kwargs }).every(([key, value]) => b.kwargs?.[key] === undefined || b.kwargs[key] === value);

/** Of one `Attention` and one call of it. */
const over =
  (base: Readonly<Record<'kwargs' | 'call' | 'tensors', object>>) => (group: readonly AttentionOption[]) => ({
    kwargs: {
      dim: 24,
      heads: 4,
      dim_head: 8,
      ...base.kwargs,
      ...Object.assign({}, ...group.map(({ kwargs }) => kwargs)),
    },
    call: { ...base.call, ...Object.assign({}, ...group.map(({ call }) => call)) },
    tensors: { ...base.tensors, ...Object.assign({}, ...group.map(({ tensors }) => tensors)) },
  });

const context = { 'in.context': ['float32', [2, 9, 24]] };
/** They compare positions, which the keys of a context have of their own. */
const positional = ['rotary_pos_emb', 'rotate_num_heads', 'alibi', 't5', 'max_attend_past'];
const sides = {
  'causal attention': {
    configOf: over({ kwargs: { causal: true }, call: {}, tensors: {} }),
    options: [...attentionOptions, ...callOptions],
    refused: refusedPairs,
  },
  'attention to a context': {
    configOf: over({ kwargs: {}, call: {}, tensors: context }),
    options: [
      ...attentionOptions.filter(({ name }) => !positional.includes(name)),
      { name: 'context_mask', tensors: { 'in.context_mask': ['bool', [2, 9]] } },
    ],
    refused: refusedOverContext,
  },
} as const;

describe.each(Object.entries(sides))('%s: every pair of implemented options', (_, { configOf, options, refused }) => {
  const gpu = useDevice();
  const pairs = pairsOf(options, agree);

  it('is accepted, but for the pairs that contradict each other', { timeout: 120_000 }, () => {
    expect(refusalsOf(pairs, configOf)).toEqual(refused);
  });

  it('that is accepted computes what the reference computes', { timeout: 600_000 }, async () => {
    const legal = pairs.filter(({ name }) => !(name in refused));
    await expectGroups(groupsOf(legal, 16), configOf, gpu.device);
  });
});
