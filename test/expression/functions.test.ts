import { describe, expect, test } from 'vitest';
import { derivativeByLogit, derivativesByParameter } from '../../src/compiler/expression/derivative.ts';
import { evaluate } from '../../src/compiler/expression/evaluate.ts';
import { parseDsl } from '../../src/compiler/syntax/dsl.ts';
import { formatSpec } from '../../src/compiler/syntax/format.ts';
import { toPlain } from '../../src/compiler/syntax/tree.ts';
import { checkAttention, checkText, codesOf, only, sourceOf, textAt } from '../frontend/helpers.ts';
import { environment, typed } from './helpers.ts';

const base = ['q_heads: 8', 'kv_heads: 2', 'head_dim: 64'];
const declared = (text: string) => `functions: { ${text} }`;
const near = 'near: { params: [d, n], body: "d < n" }';

describe('a call is its body with the operands', () => {
  test.each([
    ['score', 'twice(s) - 1', 'twice: { params: [x], body: "x + x" }', 's + s - 1'],
    ['score', 'cap(s * 2, 3)', 'cap: { params: [x, c], body: "softcap(x, c)" }', 'softcap(s * 2, 3)'],
    ['score', 's - slope() * (q - k)', 'slope: { body: "alibi_slope(h)" }', 's - alibi_slope(h) * (q - k)'],
    ['score', 'f(s)', 'f: { params: [x], body: "g(x, q)" }, g: { params: [x, y], body: "x * y" }', 's * q'],
    ['score', 'pick(q < k, s, 0.5)', 'pick: { params: [c, x, y], body: "select(c, x, y)" }', 'select(q < k, s, 0.5)'],
    ['score', 'half(3) + half(s)', 'half: { params: [x], body: "x / 2" }', '3 / 2 + s / 2'],
    ['where', 'near(q - k, 9)', near, 'q - k < 9'],
    ['where', '!near(q - k, h + 1) & is_memory', near, '!(q - k < h + 1) & is_memory'],
  ] as const)('%s: %s', (kind, text, functions, written) => {
    expect(typed(kind, text, declared(functions))).toEqual(typed(kind, written));
  });

  test('so masks in them bound the loop over keys', () => {
    const { shaped } = checkAttention(...base, declared(near), 'mask: { where: "near(q - k, 9)" }');
    expect(shaped?.layers[0]?.attention.mask.where?.bounds).toMatchObject({ maxDistance: 8 });
  });

  test('and derivatives go through them', () => {
    const lines = [declared('f: { params: [x], body: "x * tanh(x) + w" }'), 'parameters: { w: { runtime: true } }'];
    const own = typed('score', 'f(s * 2)', ...lines);
    const written = typed('score', 's * 2 * tanh(s * 2) + w', 'parameters: { w: {} }');
    const at = environment({ s: 0.3 }, { w: [1] });
    expect(evaluate(derivativeByLogit(own), at)).toBe(evaluate(derivativeByLogit(written), at));
    expect(derivativesByParameter(own, 'w')).toEqual(derivativesByParameter(written, 'w'));
  });

  test('in both syntaxes', async () => {
    const text = `gqac: 1\nname: one\nattention:\n  q_heads: 8\n  head_dim: 64\n  ${declared(`${near}, c: { body: "2.5 - 1" }`)}\n  score: "s * c()"\n  mask: { where: "near(q - k, 9)" }\n`;
    const dsl = await formatSpec(sourceOf(text), { from: 'yaml', to: 'dsl' }, () => undefined);
    if (dsl.kind !== 'text') throw new Error(dsl.kind);
    expect(dsl.text).toContain('near { params [d, n], body d < n }');
    const tree = parseDsl({ path: 'spec.gqa', text: dsl.text }, () => undefined);
    const attention = tree && (toPlain(tree) as { attention: { functions: unknown } }).attention;
    expect(attention?.functions).toEqual({ near: { params: ['d', 'n'], body: 'd < n' }, c: { body: '2.5 - 1' } });
  });
});

describe('declarations', () => {
  test.each([
    ['s: { body: "1" }', 'EXP009', 's'],
    ['min: { body: "1" }', 'EXP009', 'min'],
    ['w: { body: "1" }', 'EXP009', 'w'],
    ['a-b: { body: "1" }', 'EXP009', 'a-b'],
    ['f: { params: [x, x], body: "x" }', 'EXP009', 'x'],
    ['f: { params: [w], body: "w" }', 'EXP009', 'w'],
    ['f: { params: [f], body: "f" }', 'EXP009', 'f'],
    ['f: { params: [true], body: "1" }', 'SCH002', 'true'],
    ['f: { body: "1 +" }', 'EXP001', '+'],
    ['f: { params: [x] }', 'SCH003', 'f'],
    ['f: { params: [], body: "1" }', 'SCH002', '[]'],
    ['f: "x"', 'SCH002', '"x"'],
    ['f: { body: "1" }', 'OPT002', 'f'],
  ])('%s', (text, code, at) => {
    const result = checkAttention(...base, 'parameters: { w: {} }', declared(text), 'score: "s * w"');
    expect([only(result).code, textAt(only(result))]).toEqual([code, at]);
  });
});

describe('calls', () => {
  const functions = declared(
    `${near}, f: { params: [x], body: "g(x)" }, g: { params: [x], body: "f(x)" }, own: { body: "own()" }, entry: { params: [i], body: "w[i]" }`,
  );
  test.each([
    ['near(q)', 'EXP003', 'near(q)', /takes 2 operands, here are 1/],
    ['near', 'EXP003', 'near', /is a function/],
    ['neer(q, 2)', 'EXP002', 'neer', /nothing that is known/],
    ['near(t, 2)', 'EXP002', 't', /nothing that is known/],
    ['near(q < 2, 2)', 'EXP003', 'd', /takes numbers/],
    ['f(q) < 2', 'EXP009', 'f(x)', /`f` calls itself by way of `g`/],
    ['own() < 2', 'EXP009', 'own()', /`own` calls itself$/],
    ['entry(q) < 2', 'EXP004', 'i', /the axis has entries 0 to 2/],
    ['entry(k % 3) < s', 'EXP002', 's', /has no value in a mask/],
  ])('%s', (text, code, at, message) => {
    const result = checkAttention(...base, 'parameters: { w: { axes: [3] } }', functions, `mask: { where: "${text}" }`);
    const found = result.diagnostics.filter((one) => one.code !== 'OPT002');
    expect(found.map((one) => [one.code, textAt(one)])).toEqual([[code, at]]);
    expect(found[0]?.message).toMatch(message);
  });

  test('what is wrong in a body says which call made it so', () => {
    const half = declared('half: { params: [x], body: "x // 2" }');
    const found = only(checkAttention(...base, half, 'score: "s * half(q) + half(s)"'));
    expect([found.code, textAt(found)]).toEqual(['EXP003', 'x']);
    expect(found.notes.map(({ span, text }) => [span && textAt({ span }), text])).toEqual([
      ['half(s)', '`half` is called here'],
    ]);
  });

  test.each([
    ['parts', 'x * x', 'f(f(f(f(f(f(f(f(f(f(f(f(f(s)))))))))))))', /more than 2000 parts/],
    ['parts of several calls', 'x * x * x', 'f(f(f(f(f(f(s)))))) + f(f(f(f(f(f(s)))))) + 1', /more than 2000 parts/],
    ['levels', `${'tanh('.repeat(40)}x${')'.repeat(40)}`, 'f(f(f(s)))', /more than 96 levels/],
  ])('that grow without measure are refused: %s', (_, body, score, message) => {
    const result = checkAttention(...base, declared(`f: { params: [x], body: "${body}" }`), `score: "${score}"`);
    expect(only(result).code).toBe('EXP009');
    expect(only(result).message).toMatch(message);
  });

  test('that grow from function to function are refused soon', () => {
    const chain = Array.from({ length: 40 }, (_, i) => `f${i}: { params: [x], body: "f${i + 1}(x) + f${i + 1}(x)" }`);
    const text = declared([...chain, 'f40: { params: [x], body: "x" }'].join(', '));
    const start = performance.now();
    expect(codesOf(checkAttention(...base, text, 'score: "f0(s)"'))).toEqual(['EXP009']);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('parameters that are given at run time', () => {
  test('are no weights', () => {
    const { shaped } = checkAttention(
      ...base,
      'parameters: { w: { axes: [h], runtime: true }, v: {} }',
      'score: "s * w[h] + v"',
    );
    expect(shaped?.weights.map(({ name }) => name)).toEqual(['attn.parameters.v']);
    expect(shaped?.layers[0]?.attention.parameters).toEqual([
      { name: 'w', shape: [8], runtime: true },
      { name: 'v', shape: [] },
    ]);
  });

  test('are part of the generated interface', async () => {
    const { compileModule } = await import('../../src/compiler/compile.ts');
    const { emitFiles } = await import('../../src/compiler/emit-ts/files.ts');
    const origin = { gqacVersion: '0', specPath: 'spec.yaml', specSha256: '0'.repeat(64), doc: '' };
    const moduleOf = (text: string) => {
      const { shaped } = checkText(text);
      if (shaped === undefined) throw new Error('refused');
      return emitFiles(compileModule(shaped), origin, 'ts').find(({ path }) => path === 'one.ts')?.text;
    };
    const attention =
      'attention: { q_heads: 4, hidden: 32, parameters: { w: { axes: [h, 3], runtime: true } }, score: "s + w[h, 1]" }';
    const alone = moduleOf(`gqac: 1\nname: one\n${attention}\n`);
    expect(alone).toContain("readonly 'parameters.w': DeviceTensor<'f32', readonly [4, 3]>;");
    const model = 'model: { vocab: 8, hidden: 32, layers: 2, context: 16 }\nmlp: { activation: silu, width: 8 }\n';
    const whole = moduleOf(`gqac: 1\nname: one\n${model}${attention.replace('hidden: 32, ', '')}\n`);
    expect(whole).toContain("readonly 'layers.1.parameters.w': readonly [4, 3];");
    expect(whole).toContain('export type Model = AnyModel<8, object, Parameters>;');
  });
});
