import { describe, expect, test } from 'vitest';
import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { numberProblem } from '../../src/compiler/syntax/numbers.ts';
import { nodeAt, type SpecTree, toPlain } from '../../src/compiler/syntax/tree.ts';
import { parseYaml } from '../../src/compiler/syntax/yaml.ts';
import { checkText, codesOf, sourceOf } from './helpers.ts';

function parse(text: string): { readonly tree: SpecTree | undefined; readonly codes: readonly string[] } {
  const { report, diagnostics } = collectDiagnostics();
  const tree = parseYaml(sourceOf(text), report);
  return { tree, codes: diagnostics().map(({ code }) => code) };
}

describe('parseYaml', () => {
  test('keeps a span on every key and value', () => {
    const text = '# head\na: {b: 1.5, "c d": [x, true]}  # tail\ne:\n  f: null\n';
    const { tree, codes } = parse(text);
    expect(codes).toEqual([]);
    if (tree === undefined) throw new Error('no tree');
    expect(toPlain(tree)).toEqual({ a: { b: 1.5, 'c d': ['x', true] }, e: { f: null } });
    const at = (path: string) => {
      const span = nodeAt(tree, path.split('.'))?.span;
      return span === undefined ? undefined : text.slice(span.start, span.end);
    };
    expect([at('a'), at('a.b'), at('a.c d'), at('a.c d.1'), at('e.f')]).toEqual([
      '{b: 1.5, "c d": [x, true]}',
      '1.5',
      '[x, true]',
      'true',
      'null',
    ]);
    expect(tree.entries.map(({ keySpan }) => text.slice(keySpan.start, keySpan.end))).toEqual(['a', 'e']);
  });

  test('follows aliases, each to the anchor before it', () => {
    const { tree, codes } = parse('a: &x {k: 1}\nb: *x\nc: &x 2\nd: *x\ne: &y [*x, &x 3, *x]\nf: *y\ng: *x\n');
    expect(codes).toEqual([]);
    expect(tree === undefined ? undefined : toPlain(tree)).toEqual({
      a: { k: 1 },
      b: { k: 1 },
      c: 2,
      d: 2,
      e: [2, 3, 3],
      f: [2, 3, 3],
      g: 3,
    });
  });

  test('a key that JavaScript gives a meaning is a key like any other', () => {
    const { tree } = parse('__proto__: {polluted: 1}\nconstructor: 2\n');
    expect(tree?.entries.map(({ key }) => key)).toEqual(['__proto__', 'constructor']);
    expect(
      codesOf(checkText('gqac: 1\nname: a\n__proto__: {q_heads: 3}\nattention: {q_heads: 1, head_dim: 2}\n')),
    ).toEqual(['SCH001']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('reports several recoverable problems at once', () => {
    expect(parse('a: 1\na: 2\n3: x\n<<: {b: 1}\n').codes).toEqual(['SYN002', 'SYN008', 'SYN008']);
  });
});

test.each([
  ['1e6', undefined],
  ['0.1', undefined],
  ['0.70710678118654752', undefined],
  ['9007199254740991', undefined],
  ['0x10', undefined],
  ['1000000000000000000000.0', undefined],
  ['9007199254740993', /2\^53/],
  ['1e400', /too large/],
  ['1e-400', /too small/],
  ['0.123456789012345678', /17/],
])('number %s', (text, problem) => {
  const found = numberProblem(text, Number(text));
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});

test.each(['.inf', '-.inf', '.nan'])('number %s is not finite', (text) => {
  expect(codesOf(checkText(`gqac: 1\nname: a\nattention: { q_heads: 1, head_dim: 2, scale: ${text} }\n`))).toEqual([
    'SYN005',
  ]);
});

/** name, text, the only code that it may raise. */
const hostile: readonly (readonly [string, string, string])[] = [
  ['empty', '', 'SYN007'],
  ['blank', ' \n\n', 'SYN007'],
  ['comment', '# nothing\n', 'SYN007'],
  ['explicit null', '~\n', 'SYN007'],
  ['a list', '- 1\n- 2\n', 'SYN007'],
  ['a scalar', 'hello\n', 'SYN007'],
  ['a number', '42', 'SYN007'],
  ['NUL', '\0', 'SYN007'],
  ['open brackets, 5 KB', '['.repeat(5000), 'SYN003'],
  ['open braces, 200 KB', '{'.repeat(200_000), 'SYN003'],
  ['dashes, 10 KB', '- '.repeat(5000), 'SYN003'],
  ['question marks', '? '.repeat(5000), 'SYN003'],
  ['colons', ': '.repeat(5000), 'SYN003'],
  ['mixed nesting', '- [{'.repeat(500), 'SYN003'],
  ['indented maps', Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), 'SYN003'],
  ['closed deep nesting', `a: ${'['.repeat(100)}${']'.repeat(100)}`, 'SYN003'],
  ['too many bytes', `a: ${'x'.repeat(300_000)}`, 'SYN003'],
  ['too many bytes of UTF-8', `a: ${'é'.repeat(140_000)}`, 'SYN003'],
  ['too many keys', Array.from({ length: 2001 }, (_, index) => `k${index}: 1`).join('\n'), 'SYN003'],
  ['too many items', `a: [${'1,'.repeat(20_000)}]`, 'SYN003'],
  [
    'alias bomb',
    `a: &a [1,1,1,1,1,1,1,1,1]\n${'bcdefghi'.replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
    'SYN003',
  ],
  ['directives', '%A\n'.repeat(60_000), 'SYN003'],
  ['document marks', '---\n'.repeat(60_000), 'SYN003'],
  ['alias to itself', 'a: &a [*a]\n', 'SYN003'],
  ['alias to its map', 'a: &a {b: {c: *a}}\n', 'SYN003'],
  ['alias without anchor', 'a: *b\n', 'SYN001'],
  ['unclosed brace', 'a: {b: 1\n', 'SYN001'],
  ['unclosed quote', 'a: "b\n', 'SYN001'],
  ['tab indentation', 'a:\n\tb: 1\n', 'SYN001'],
  ['bad indentation', 'a:\n    b: 1\n  c: 2\n', 'SYN001'],
  ['bad escape', 'a: "\\q"\n', 'SYN001'],
  ['nested map on a line', 'a: b: c\n', 'SYN001'],
  ['bad directive', '%YAML x\n---\na: 1\n', 'SYN001'],
  ['unknown tag', 'a: !foo 1\n', 'SYN004'],
  ['JavaScript tag', 'a: !!js/function "function(){}"\n', 'SYN004'],
  ['tag of the core', 'a: !!int "9007199254740993"\n', 'SYN004'],
  ['set', '!!set {a, b}\n', 'SYN004'],
  ['binary tag', 'a: !!binary aGk=\n', 'SYN004'],
  ['huge integer', 'a: 9007199254740993\n', 'SYN005'],
  ['huge float', 'a: 1e400\n', 'SYN005'],
  ['tiny float', 'a: 1e-400\n', 'SYN005'],
  ['integer of 100 KB', `a: ${'9'.repeat(100_000)}\n`, 'SYN005'],
  ['two documents', 'a: 1\n---\nb: 2\n', 'SYN006'],
  ['document after end mark', 'a: 1\n...\nb: 2\n', 'SYN006'],
  ['number key', '1: a\n', 'SYN008'],
  ['boolean key', 'true: a\n', 'SYN008'],
  ['null key', '~: a\n', 'SYN008'],
  ['list key', '? [a]\n: b\n', 'SYN008'],
  ['merge key', '<<: {a: 1}\n', 'SYN008'],
  ['duplicate key', 'a: 1\na: 2\n', 'SYN002'],
  ['duplicate in flow', '{a: 1, "a": 2}\n', 'SYN002'],
];

describe.each(hostile)('%s', (_, text, code) => {
  test(`is ${code}, twice, in time`, () => {
    const started = performance.now();
    const first = parse(text);
    expect(first.codes.every((one) => one === code) && first.codes.length > 0, first.codes.join()).toBe(true);
    expect(parse(text).codes).toEqual(first.codes);
    const { diagnostics } = checkText(text);
    for (const { span } of diagnostics) {
      expect(span.start).toBeLessThanOrEqual(span.end);
      expect(span.end).toBeLessThanOrEqual(text.length);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

test('the abort of yaml 2.9.1 does not happen: nested malformed documents one after the other', () => {
  for (const text of ['['.repeat(5000), '- '.repeat(5000), '['.repeat(5000)])
    expect(parse(text).codes).toEqual(['SYN003']);
});

test('sixty-four levels are read', () => {
  expect(parse(`a: ${'['.repeat(62)}${']'.repeat(62)}\n`).codes).toEqual([]);
});

test.each([
  ['a tab', 'a:\n\tb: 1\n', 'indent with spaces'],
  ['no comma', 'a: { b: 1 c: 2 }\n', 'separate what stands in braces by commas'],
  ['no space', 'a:1\nb:\n', 'put a colon and a space after each key'],
  ['uneven entries', 'a:\n   b: 1\n  c: 2\n', 'indent the entries of one map alike'],
  ['two keys on a line', 'a: b: c\n', 'a line has one key'],
  ['an open quote', 'a: "b\n', 'close each quote'],
])('%s comes with what mends it', (_, text, help) => {
  const [first] = checkText(text).diagnostics;
  expect(first).toMatchObject({ code: 'SYN001', help: expect.stringContaining(help) });
});
