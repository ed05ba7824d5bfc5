import { describe, expect, test } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { applyFix, checkAttention, checkText, only, textAt } from '../frontend/helpers.ts';

const base = ['q_heads: 8', 'kv_heads: 2', 'head_dim: 64'];
const four = 'parameters: { w: { axes: [h] }, x: { axes: [kv] }, y: {}, z: { axes: [3] } }';
const all = 'score: "s * w[h] + x[kv] - y * z[h % 3]"';

describe('declarations', () => {
  test('have the heads of the spec, and are loaded by their names', () => {
    const { shaped } = checkAttention(...base, four, all);
    expect(shaped?.weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['attn.parameters.w', [8]],
      ['attn.parameters.x', [2]],
      ['attn.parameters.y', [1]],
      ['attn.parameters.z', [3]],
    ]);
  });

  test.each([
    ['parameters: { s: {} }', 'EXP008', 's'],
    ['parameters: { min: {} }', 'EXP008', 'min'],
    ['parameters: { "true": {} }', 'EXP008', '"true"'],
    ['parameters: { a-b: {} }', 'EXP008', 'a-b'],
    ['parameters: { é: {} }', 'EXP008', 'é'],
    ['parameters: { a: { axes: [65536, 65536] } }', 'EXP008', 'a'],
    ['parameters: { a: {}, c: {}, d: {}, e: {}, f: {} }', 'EXP008', 'f'],
    ['parameters: { a: { axes: [x] } }', 'SCH002', 'x'],
    ['parameters: { a: { axes: [0] } }', 'SCH002', '0'],
    ['parameters: { a: { axis: [h] } }', 'SCH001', 'axis'],
    ['parameters: { unused: {} }', 'OPT002', 'unused'],
  ])('%s', (line, code, at) => {
    const diagnostic = only(checkAttention(...base, line, 'score: "s * 2"'));
    expect([diagnostic.code, textAt(diagnostic)]).toEqual([code, at]);
  });

  test('that are refused leave expressions alone', () => {
    expect(only(checkAttention(...base, 'parameters: { a: { axes: [x] } }', 'score: "s + a[h]"')).code).toBe('SCH002');
  });
});

describe('indices', () => {
  test.each([
    ['a', 'it takes one index, here are 0'],
    ['a[h, 0]', 'it takes one index, here are 2'],
    ['a[8]', 'the index is 8'],
    ['a[-1]', 'the index is -1'],
    ['a[q]', 'the index is from'],
    ['a[h + 1]', 'the index is from 1 to 8'],
  ])('%s', (text, message) => {
    const { diagnostics } = checkAttention(...base, 'parameters: { a: { axes: [h] } }', `score: "s + ${text}"`);
    expect(diagnostics.map(({ code }) => code)).toEqual(['EXP004']);
    expect(diagnostics[0]?.message).toContain(message);
  });

  test.each([
    ['mask: { causal: true, window: 9 }', 'q - k'],
    ['mask: { chunk: 5 }', 'q - k + 4'],
    ['mask: { where: "abs(q - k) < 5" }', 'q - k + 4'],
    ['mask: { where: "q - k < 9 & k <= q" }', '8 - (q - k)'],
    ['mask: {}', 'k % 9'],
    ['mask: {}', 'clamp(q, 0, 8)'],
    ['mask: {}', 'select(q < k, 0, 8)'],
    ['mask: {}', '(h + kv) // 2'],
  ])('%s bounds %s', (mask, index) => {
    const lines = [...base, mask, 'parameters: { a: { axes: [9] } }', `score: "s + a[${index}]"`];
    expect(checkAttention(...lines).diagnostics).toEqual([]);
    const larger = lines.map((line) => line.replace('axes: [9]', 'axes: [2]'));
    expect(only(checkAttention(...larger)).code).toBe('EXP004');
  });

  test('a prefix is seen from any distance', () => {
    const lines = ['mask: { causal: true, window: 9, prefix: 3 }', 'parameters: { a: { axes: [9] } }'];
    expect(only(checkAttention(...base, ...lines, 'score: "s + a[q - k]"')).code).toBe('EXP004');
  });

  test('are clamped by the fix', () => {
    const result = checkAttention(...base, 'parameters: { a: { axes: [9] } }', 'score: "s + a[q - k]"');
    const text = only(result).span.file.text;
    expect(checkText(applyFix(text, only(result))).diagnostics).toEqual([]);
  });
});

describe('buffers', () => {
  const most = [...base, four, all, 'sinks: true', 'mask: { padding: keys }', 'normalizer: { kind: topk, k: 3 }'];

  test('as many as devices promise', () => {
    const { shaped } = checkAttention(...most);
    if (shaped === undefined) throw new Error('refused');
    const kernels = compileModule(shaped).definition.variants.flatMap((variant) => Object.values(variant.kernels));
    const counts = kernels.map(({ bindings }) => bindings.filter((access) => access !== 'uniform').length);
    expect(Math.max(...counts)).toBe(8);
  });

  test('more are refused', () => {
    const more = most.map((line) => line.replace('padding: keys', 'padding: keys, documents: true'));
    const diagnostic = only(checkAttention(...more));
    expect([diagnostic.code, textAt(diagnostic)]).toEqual(['EXP008', 'z']);
    expect(diagnostic.message).toBe(
      'beside `mask.padding`, `mask.documents`, `sinks` kernels have room for 3 of 4 parameters',
    );
  });
});
