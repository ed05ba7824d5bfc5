import { describe, expect, test } from 'vitest';
import { checkText, codesOf, only } from '../frontend/helpers.ts';
import { mixtureOf, mixtures } from './mixtures.ts';

const check = (text: string) => checkText(`gqac: 1\nname: mixture\n${text}`);
const experts = (options: string, ...lines: readonly string[]) =>
  check(mixtureOf('activation: silu', 'width: 50', `experts: { ${options} }`, ...lines));

function weightsOf(text: string): Readonly<Record<string, readonly number[]>> {
  const { shaped, diagnostics } = check(text);
  expect(diagnostics).toEqual([]);
  const ofMlp = shaped?.weights.filter(({ name }) => name.startsWith('layers.1.mlp.')) ?? [];
  return Object.fromEntries(ofMlp.map(({ name, shape }) => [name.replace('layers.1.mlp.', ''), shape]));
}

describe('mlp.experts', () => {
  test('defaults', () => {
    const { shaped } = experts('count: 8, active: 2');
    expect(shaped?.layers[0]?.mlp?.experts).toEqual({
      count: 8,
      active: 2,
      width: 50,
      scoring: 'softmax',
      normalized: true,
      routedScale: 1,
      routerBias: false,
      correctionBias: false,
      biases: { up: false, gate: false, down: false },
    });
  });

  test('weights', () => {
    expect(weightsOf(mixtures['gpt-oss with biases and a clamped activation'])).toEqual({
      'router.weight': [6, 36],
      'router.bias': [6],
      'experts.gate.weight': [6, 40, 36],
      'experts.gate.bias': [6, 40],
      'experts.up.weight': [6, 40, 36],
      'experts.up.bias': [6, 40],
      'experts.down.weight': [6, 36, 40],
      'experts.down.bias': [6, 36],
    });
    const deepseek = 'deepseek v3 with groups, a correction and a shared expert, after a dense layer';
    expect(weightsOf(mixtures[deepseek])).toMatchObject({
      correction_bias: [16],
      'shared.up.weight': [24, 36],
      'shared.gate.weight': [24, 36],
      'shared.down.weight': [36, 24],
    });
    expect(weightsOf(mixtures['qwen2 with a gated shared expert'])).toMatchObject({ 'shared_gate.weight': [1, 36] });
  });

  test('a kind of layer may have none', () => {
    const deepseek = 'deepseek v3 with groups, a correction and a shared expert, after a dense layer';
    const { shaped } = check(mixtures[deepseek]);
    expect(shaped?.layers.map(({ mlp }) => mlp?.experts?.count)).toEqual([undefined, 16]);
    expect(shaped?.weights.map(({ name }) => name)).toContain('layers.0.mlp.up.weight');
  });

  test('counts that do not fit', () => {
    expect(codesOf(experts('count: 4, active: 5'))).toEqual(['MOE001']);
    const groups = (text: string) => experts(`count: 12, active: 6, groups: { ${text} }`);
    expect(only(groups('count: 5, active: 2')).message).toContain('do not divide 12 experts');
    expect(only(groups('count: 4, active: 5')).message).toContain('there are 4');
    expect(only(groups('count: 6, active: 3, top: 3')).message).toContain('it has 2');
    expect(only(groups('count: 4, active: 1')).message).toContain('fewer experts than the 6');
    expect(codesOf(groups('count: 4, active: 2'))).toEqual([]);
    expect(codesOf(experts('count: 8'))).toEqual(['SCH003']);
  });

  test('options that exclude each other', () => {
    const topk = 'count: 8, active: 2, scoring: topk_softmax';
    expect(codesOf(experts(`${topk}, correction_bias: true`))).toEqual(['SCH004']);
    expect(codesOf(experts(`${topk}, groups: { count: 2, active: 1 }`))).toEqual(['SCH004']);
    expect(codesOf(experts(`${topk}, normalized: false`))).toEqual(['OPT002']);
    expect(codesOf(experts('count: 8, active: 2, biases: [gate]', 'kind: plain'))).toEqual(['SCH004']);
    const dense = (...lines: readonly string[]) => codesOf(check(mixtureOf('width: 50', ...lines)));
    expect(dense('activation: clamped_swiglu')).toEqual([]);
    expect(dense('activation: clamped_swiglu', 'kind: plain')).toEqual(['SCH004']);
    expect(dense('activation: silu', 'clamp: { limit: 7 }')).toEqual(['SCH004']);
  });
});
