import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkText, codesOf, only } from './helpers.ts';

const block = (scaling: string) => attention('hidden: 64', 'q_heads: 8', `rope: { scaling: { ${scaling} } }`);
const model = (scaling: string, context = 4096) =>
  `${block(scaling)}model: { vocab: 65, hidden: 64, layers: 2, context: ${context} }\nmlp: { activation: silu, width: 128 }\n`;

function scalingOf(text: string) {
  const { shaped, diagnostics } = checkText(text);
  expect(diagnostics).toEqual([]);
  return shaped?.layers[0]?.attention.rope?.scaling;
}

describe('rope.scaling', () => {
  test.each([
    ['kind: linear, factor: 2', { kind: 'linear', factor: 2 }],
    ['kind: dynamic, factor: 2, original_context: 64', { kind: 'dynamic', factor: 2, originalContext: 64 }],
    [
      'kind: llama3, factor: 8, original_context: 64, low_freq_factor: 1, high_freq_factor: 4',
      { kind: 'llama3', factor: 8, originalContext: 64, lowFreqFactor: 1, highFreqFactor: 4 },
    ],
    [
      'kind: yarn, factor: 4, original_context: 64, beta_fast: 16, truncate: false, attention_factor: 1.5',
      {
        kind: 'yarn',
        factor: 4,
        originalContext: 64,
        betaFast: 16,
        betaSlow: 1,
        truncate: false,
        attentionFactor: 1.5,
      },
    ],
    [
      'kind: longrope, original_context: 64, attention_factor: 1, short_factor: [1, 1, 1, 2], long_factor: [2, 3, 4, 5]',
      {
        kind: 'longrope',
        originalContext: 64,
        shortFactors: [1, 1, 1, 2],
        longFactors: [2, 3, 4, 5],
        attentionFactor: 1,
      },
    ],
  ])('%s', (scaling, expected) => {
    expect(scalingOf(block(scaling))).toEqual(expected);
  });

  test('factors are derived as transformers derives them', () => {
    const yarn = 'kind: yarn, original_context: 1024';
    expect(scalingOf(model(yarn))).toMatchObject({ factor: 4, attentionFactor: 0.1 * Math.log(4) + 1 });
    expect(scalingOf(model(yarn, 512))).toMatchObject({ factor: 0.5, attentionFactor: 1 });
    const widths = scalingOf(model(`${yarn}, factor: 40, mscale: 1, mscale_all_dim: 0.707`));
    expect(widths).toMatchObject({ attentionFactor: expect.closeTo(1.0857263992561355, 14) });
    const longrope = 'kind: longrope, original_context: 64, short_factor: [1, 1, 1, 1], long_factor: [1, 1, 1, 1]';
    const attentionFactor = expect.closeTo(1.1547005383792517, 14);
    expect(scalingOf(model(longrope, 256))).toMatchObject({ attentionFactor });
    expect(scalingOf(model(`${longrope}, factor: 4`, 100))).toMatchObject({ attentionFactor });
  });

  test('what a kind needs, and what it does not have', () => {
    expect(only(checkText(block('kind: dynamic, factor: 2'))).message).toContain('original_context');
    expect(codesOf(checkText(block('kind: linear')))).toEqual(['SCH003']);
    expect(codesOf(checkText(block('kind: yarn, original_context: 64')))).toEqual(['SCH003']);
    expect(codesOf(checkText(block('kind: longrope, original_context: 64, factor: 2')))).toEqual(['SCH003', 'SCH003']);
    const foreign = only(checkText(block('kind: linear, factor: 2, attention_factor: 1')));
    expect([foreign.code, foreign.message]).toEqual(['SCH004', expect.stringContaining('yarn and longrope')]);
    expect(codesOf(checkText(block('kind: ntk, factor: 2')))).toEqual(['SCH002']);
    expect(codesOf(checkText(block('kind: yarn, original_context: x')))).toEqual(['SCH002']);
  });

  test('lists of another length, ranges that are none, and scalings without effect', () => {
    const lists = 'short_factor: [1, 1], long_factor: [1, 1, 1, 1, 1]';
    const wrong = block(`kind: longrope, factor: 2, original_context: 64, ${lists}`);
    expect(codesOf(checkText(wrong))).toEqual(['ROPE002', 'ROPE002']);
    const negative = 'short_factor: [1, 1, 1, -1], long_factor: [1, 1, 1, 1]';
    expect(codesOf(checkText(block(`kind: longrope, factor: 2, original_context: 64, ${negative}`)))).toEqual([
      'SCH002',
    ]);
    const yarn = 'kind: yarn, factor: 2, original_context: 64';
    expect(codesOf(checkText(block(`${yarn}, beta_fast: 1`)))).toEqual(['ROPE005']);
    expect(codesOf(checkText(block(yarn).replace('scaling:', 'base: 1, scaling:')))).toEqual(['ROPE005']);
    expect(codesOf(checkText(block(`${yarn}, mscale: 1`)))).toEqual(['OPT002']);
    expect(codesOf(checkText(model('kind: dynamic, factor: 2, original_context: 4096')))).toEqual(['OPT002']);
  });

  test('each scaling has a table of its own', () => {
    const kinds = 'layers: { kinds: { a: {}, b: { attention: { rope: { scaling: none } } } }, pattern: [a, b] }\n';
    const { shaped } = checkText(`${model('kind: linear, factor: 2')}${kinds}`);
    expect(shaped?.layers.map(({ attention: { rope } }) => rope?.scaling?.kind)).toEqual(['linear', undefined]);
  });
});
