import { describe, expect, test } from 'vitest';
import { modelFacts } from '../../src/compiler/facts/model-facts.ts';
import { checkAttention, checkText, only, textAt } from '../frontend/helpers.ts';

const base = ['hidden: 64', 'q_heads: 8', 'kv_heads: 4'];
const check = (cache: string, ...lines: readonly string[]) => checkAttention(...base, ...lines, `cache: { ${cache} }`);
const one = 'ranges: { kv_heads: [1], dtype: f16 }';

describe('ranges of KV heads', () => {
  test.each([
    ['ranges: { kv_heads: [4], dtype: f16 }', 'KVC002', '[4]'],
    ['ranges: [{ kv_heads: [1, 0], dtype: f16 }, { kv_heads: [1], dtype: f16 }]', 'KVC003', '[1]'],
    ['ranges: { kv_heads: [1], dtype: f32 }', 'OPT002', 'dtype'],
    ['dtype: f16, ranges: { kv_heads: [0, 1, 2, 3], dtype: f32 }', 'OPT002', 'dtype'],
    ['ranges: { kv_heads: [], dtype: f16 }', 'SCH002', '[]'],
    ['ranges: { kv_heads: [1, 1], dtype: f16 }', 'SCH002', '[1, 1]'],
    ['ranges: { kv_heads: [1] }', 'SCH003', 'ranges'],
    ['ranges: { kv_heads: [1], dtype: f64 }', 'SCH002', 'f64'],
    ['ranges: { q_heads: [1], kv_heads: [0], dtype: f16 }', 'SCH001', 'q_heads'],
  ])('%s', (cache, code, at) => {
    const found = only(check(cache));
    expect([found.code, textAt(found)]).toEqual([code, at]);
  });

  test.each([
    'head_mixing: [pre]',
    'hooks: [q]',
    'inputs: split_qkv',
    'qk_norm: { kind: rms, weight: projection }',
    'gates: { output_glu: true }',
    'heads: { active: runtime }',
  ])('are refused beside %s', (line) => {
    const found = only(check(one, line));
    expect([found.code, textAt(found)]).toEqual(['SCH004', 'ranges']);
  });

  test('are refused where matrices are of integers', () => {
    const text = `gqac: 1\nname: one\nweights: { dtype: int8 }\nattention: { q_heads: 8, hidden: 64, cache: { ${one} } }\n`;
    expect(only(checkText(text)).help).toBe('delete `ranges` or `dtype`');
  });

  test('are refused where heads are given, and where values of the first layer go on', () => {
    expect(only(checkAttention('q_heads: 8', 'head_dim: 8', `cache: { ${one} }`)).code).toBe('SCH004');
    const text = `gqac: 1
name: one
model: { vocab: 8, hidden: 64, layers: 2, context: 16 }
mlp: { activation: silu, width: 8 }
attention: { q_heads: 8, kv_heads: 4 }
layers:
  kinds: { a: { attention: { cache: { ${one} } } }, b: { attention: { value_residual: 0.5 } } }
  pattern: [a, b]
`;
    expect([only(checkText(text)).code, textAt(only(checkText(text)))]).toEqual(['SCH004', 'ranges']);
  });

  test('and heads without a cache are counted', () => {
    const { shaped } = check(`dtype: f16, ranges: { kv_heads: [1], dtype: f32 }`, 'heads: { active: [0, 2, 3, 4] }');
    if (shaped === undefined) throw new Error('refused');
    const facts = modelFacts(shaped);
    expect(facts.kvBytesPerToken.f16).toBe(3 * (8 + 8) * 2);
    expect(facts.kvBytesStored).toEqual({ perToken: 2 * 16 * 2 + 16 * 4 });
  });

  test('are what `precision` leads to', () => {
    expect(
      only(checkText(`gqac: 1\nname: one\nprecision: f16\nattention: { q_heads: 8, head_dim: 8 }\n`)).help,
    ).toContain('cache: { ranges: … }');
  });
});
