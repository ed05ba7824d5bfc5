import { describe, expect, it } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { parserOf } from '../../src/compiler/syntax/syntaxes.ts';
import { checkText } from '../frontend/helpers.ts';

const inModel = (hooks: string, kinds = '') => `gqac: 1
name: example
model: { vocab: 16, hidden: 32, layers: 4, context: 8 }
mlp: { activation: silu, width: 64 }
attention: { q_heads: 4, mask: { causal: true }, hooks: ${hooks} }
${kinds}`;

const codesOf = (text: string) => checkText(text).diagnostics.map(({ code }) => code);
const hooksOf = (text: string) => checkText(text).shaped?.layers.map((layer) => layer.attention.hooks);

describe('attention.hooks', () => {
  it('takes the names of TransformerLens for its own, each once', () => {
    const spec = attention('hidden: 32', 'q_heads: 4', 'hooks: [hook_attn_scores, scores, hook_rot_k, result]');
    expect(codesOf(spec)).toEqual([]);
    expect(hooksOf(spec)).toEqual([['scores', 'rot_k', 'result']]);
  });

  it('is short for its names in both syntaxes', async () => {
    const dsl = 'gqac 1\nname example\nattention { hidden 32  q_heads 4  hooks [q, k] }\n';
    const { shaped } = checkSpec({ path: 'spec.gqa', text: dsl }, { parse: await parserOf('dsl') });
    expect(shaped?.layers[0]?.attention.hooks).toEqual(['q', 'k']);
  });

  it('may be of some layers, by number or by kind', () => {
    expect(hooksOf(inModel('{ names: [z], layers: [3, 1] }'))).toEqual([[], ['z'], [], ['z']]);
    const kinds = 'layers: { kinds: { a: {}, b: { attention: { hooks: [pattern] } } }, pattern: [a, b] }';
    expect(hooksOf(inModel('[z]', kinds))).toEqual([['z'], ['pattern'], ['z'], ['pattern']]);
    const none = 'layers: { kinds: { a: {}, b: { attention: { hooks: none } } }, pattern: [a, b] }';
    expect(hooksOf(inModel('[z]', none))).toEqual([['z'], [], ['z'], []]);
  });

  it('refuses layers that there are not', () => {
    expect(codesOf(inModel('{ names: [z], layers: [0, 4] }'))).toEqual(['HOK002']);
    expect(codesOf(attention('hidden: 32', 'q_heads: 4', 'hooks: { names: [z], layers: [0] }'))).toEqual(['SCH004']);
    expect(codesOf(inModel('{ layers: [0] }'))).toEqual(['OPT002']);
  });

  it('refuses activations that there are not', () => {
    const given = (hook: string) => attention('q_heads: 4', 'head_dim: 8', `hooks: [${hook}]`);
    for (const hook of ['q', 'k', 'v', 'rot_q', 'rot_k', 'z', 'result'])
      expect(codesOf(given(hook))).toEqual(['SCH004']);
    for (const hook of ['scores', 'pattern']) expect(codesOf(given(hook))).toEqual([]);
    expect(codesOf(attention('hidden: 32', 'q_heads: 4', 'gates: { output_glu: true }', 'hooks: [result]'))).toEqual([
      'SCH004',
    ]);
  });

  it('suggests the name that was meant', () => {
    const { diagnostics } = checkText(attention('hidden: 32', 'q_heads: 4', 'hooks: [q, patern]'));
    expect(diagnostics.map(({ code, fixes }) => [code, fixes?.[0]?.title])).toEqual([['SCH002', 'use `pattern`']]);
  });
});

describe('attention.inputs', () => {
  const split = (...lines: readonly string[]) => attention('hidden: 32', 'q_heads: 4', 'kv_heads: 2', ...lines);

  it('may say its head axes, and is held to them', () => {
    expect(codesOf(split('inputs: { kind: split_qkv, q_heads: 4, kv_heads: 2 }'))).toEqual([]);
    expect(codesOf(split('inputs: { kind: split_qkv, q_heads: 2, kv_heads: 4 }'))).toEqual(['HOK001', 'HOK001']);
    expect(codesOf(split('inputs: { q_heads: 4 }'))).toEqual(['OPT002']);
  });

  it('refuses what needs one input for all heads', () => {
    expect(codesOf(attention('q_heads: 4', 'head_dim: 8', 'inputs: split_qkv'))).toEqual(['SCH004']);
    expect(codesOf(split('inputs: split_qkv', 'gates: { value: silu }'))).toEqual(['SCH004']);
  });
});
