import { describe, expect, test } from 'vitest';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { parserOf, syntaxOf } from '../../src/compiler/syntax/syntaxes.ts';
import { nodeAt } from '../../src/compiler/syntax/tree.ts';
import { applyFix, only, textAt } from '../frontend/helpers.ts';
import { parse } from './helpers.ts';

const parseDsl = await parserOf('dsl');

describe('the DSL and its YAML twin', () => {
  test.each([
    ['a 1', 'a: 1'],
    ['a 1 b 2,c 3,', '{ a: 1, b: 2, c: 3 }'],
    ['a\n\n1 # one\nb # two\n2', 'a: 1\nb: 2'],
    ['a { b { c x } } d []', 'a: { b: { c: x } }\nd: []'],
    ['a[1 2,three]b{}', 'a: [1, 2, three]\nb: {}'],
    ['a [[1], { b 2 }, null]', 'a: [[1], { b: 2 }, null]'],
    ['a true b false c null', 'a: true\nb: false\nc: null'],
    ['a "true" b "1" c "null" d "q k"', 'a: "true"\nb: "1"\nc: "null"\nd: q k'],
    ['a 1e6 b -2.5e-9 c 0x10 d 0o17 e +5 f .5 g 1.', 'a: 1e6\nb: -2.5e-9\nc: 0x10\nd: 0o17\ne: +5\nf: .5\ng: 1.'],
    ['"odd key" 1 "a\\u0041\\n" 2', '"odd key": 1\n"a\\u0041\\n": 2'],
    ['a model.safetensors b dir/x-1.bin', 'a: model.safetensors\nb: dir/x-1.bin'],
    ['layers.{i}.q x.{2*i+1}.w[0:576]', 'layers.{i}.q: x.{2*i+1}.w[0:576]'],
    ['__proto__ { x 1 } constructor 2', '__proto__: { x: 1 }\nconstructor: 2'],
    ['attention { mask { causal window 128 } }', 'attention: { mask: { causal: true, window: 128 } }'],
    ['attention { mask { causal } sinks q_heads 8 }', 'attention: { mask: { causal: true }, sinks: true, q_heads: 8 }'],
    ['attention { mask { causal false window 8 } }', 'attention: { mask: { causal: false, window: 8 } }'],
    ['attention { qk_norm [{ kind l2 memory } rms] }', 'attention: { qk_norm: [{ kind: l2, memory: true }, rms] }'],
    // The same name is a flag in one map and a word elsewhere.
    [
      'attention { mask { memory always } bias { heads batch } }',
      'attention: { mask: { memory: always }, bias: { heads: true, batch: true } }',
    ],
    ['attention { alibi { heads 4 } memory_kv 4 }', 'attention: { alibi: { heads: 4 }, memory_kv: 4 }'],
    // Of an option that is no flag, a missing value is true, and the schema says what is wrong with that.
    ['attention { window }', 'attention: { window: true }'],
    ['\uFEFFa 1\r\nb 2\r\n', 'a: 1\nb: 2'],
  ])('%s', (dsl, yaml) => {
    const { plain, codes } = parse(dsl);
    expect(codes).toEqual([]);
    expect(plain).toEqual(parse(yaml, 'yaml').plain);
    expect(plain).toBeDefined();
  });
});

test('keys and values have exact spans, flags that of their key', () => {
  const text = '# head\nattention { mask { causal }, scale 1.5 # tail\n  biases [q "k"] }';
  const { tree } = parse(text);
  if (tree === undefined) throw new Error('no tree');
  const at = (path: string) => {
    const span = nodeAt(tree, path.split('.'))?.span;
    return span && text.slice(span.start, span.end);
  };
  expect(at('attention.mask')).toBe('{ causal }');
  expect(at('attention.mask.causal')).toBe('causal');
  expect(at('attention.scale')).toBe('1.5');
  expect(at('attention.biases')).toBe('[q "k"]');
  expect(at('attention.biases.1')).toBe('"k"');
  const [attention] = tree.entries;
  expect(text.slice(attention?.keySpan.start, attention?.keySpan.end)).toBe('attention');
  expect(text.slice(tree.span.start, tree.span.end)).toBe(text.slice(text.indexOf('attention')));
});

describe('what is wrong is said where it is', () => {
  test.each([
    ['a: 1\nb: 2', ':', 'there is no `:` between an option and its value here'],
    ['a = 1', '=', 'there is no `=` between an option and its value here'],
    ["a 'b'", "'b'", 'a string stands in double quotes'],
    ['a "b\nc 1', '"b', 'a string is not closed'],
    ['a "\\q"', '"\\q"', 'a string has an escape or a control character that means nothing'],
    ['a { b 1', '{', 'this `{` is never closed'],
    ['a { b [1 }', '}', '`}` cannot close `[`'],
    ['a 1 }', '}', 'this `}` closes nothing'],
    ['a 1 2', '2', 'expected the name of an option, found `2`'],
    ['a { 1 }', '1', 'expected the name of an option, found `1`'],
    ['a { true 1 }', 'true', 'expected the name of an option, found `true`'],
    ['a [1,,2]', ',', 'a comma has nothing before it'],
    ['a ,, b', ',', 'a comma has nothing before it'],
    ['{ a 1 }', '{', 'expected the name of an option, found `{`'],
    ['a 8heads', '8heads', '`8heads` begins like a number and is none'],
    ['a 1-2', '1-2', '`1-2` begins like a number and is none'],
    ['a b@c', '@', '`@` has no meaning here'],
    ['a ü', 'ü', '`ü` has no meaning here'],
  ])('%s', (text, place, message) => {
    const { tree, diagnostics } = parse(text);
    expect(tree).toBeUndefined();
    const [first] = diagnostics;
    expect([first?.code, first?.message, first && textAt(first)]).toEqual(['SYN001', message, place]);
    expect(diagnostics).toHaveLength(1);
  });

  test('several places at once, one a line, no more than ten', () => {
    const { diagnostics } = parse('a 1 2\nb { c 3 4 }\nd [5,,6]\n e 7 7');
    expect(diagnostics.map(textAt)).toEqual(['2', '4', ',', '7']);
    expect(parse('a 1 2\n'.repeat(50)).diagnostics).toHaveLength(10);
  });

  test.each([
    ['a 1 a 2', 'SYN002', 'a'],
    ['a 9007199254740993', 'SYN005', '9007199254740993'],
    ['a 1e400', 'SYN005', '1e400'],
    ['a -.inf', 'SYN005', '-.inf'],
    ['a .nan', 'SYN005', '.nan'],
    ['', 'SYN007', ''],
    ['# nothing\n', 'SYN007', ''],
  ])('%s is %s', (text, code, place) => {
    const { diagnostics } = parse(text);
    expect(diagnostics.map((one) => [one.code, textAt(one)])).toEqual([[code, place]]);
  });
});

test.each([
  ['spec.yaml', 'gqac 1', 'yaml'],
  ['a.gqa.yaml', 'gqac 1', 'yaml'],
  ['a.gqa', 'gqac: 1', 'dsl'],
  ['<stdin>', '# c\n\ngqac 1', 'dsl'],
  ['<stdin>', 'attention{', 'dsl'],
  ['<stdin>', 'gqac\n 1', 'dsl'],
  ['<stdin>', '# c: 1\ngqac: 1', 'yaml'],
  ['<stdin>', 'gqac : 1', 'yaml'],
  ['<stdin>', '---\ngqac: 1', 'yaml'],
  ['<stdin>', '{ gqac: 1 }', 'yaml'],
  ['<stdin>', '', 'yaml'],
])('%s with %j is %s', (path, text, syntax) => {
  expect(syntaxOf({ path, text })).toBe(syntax);
});

describe('fixes are written in the DSL', () => {
  const check = (text: string) => checkSpec({ path: 'a.gqa', text }, { parse: parseDsl });
  const spec = (attention: string) => `gqac 1 name a attention { ${attention} }`;

  test.each([
    ['kv_heeds 2 q_heads 8 head_dim 64', 'kv_heads 2 q_heads 8 head_dim 64'],
    ['q_heads 8 kv_heads 3 head_dim 64', 'q_heads 8 kv_heads 1 head_dim 64'],
    ['q_heads 8 head_dim 64 memory_kv { slots 4 heads 4 }', 'q_heads 8 head_dim 64 memory_kv { slots 4 }'],
    [
      'q_heads 8 head_dim 64 memory_kv 4 mask { window 8 causal }',
      'q_heads 8 head_dim 64 memory_kv 4 mask { window 8 causal, memory always }',
    ],
  ])('%s', (before, after) => {
    const text = spec(before);
    const fixed = applyFix(text, only(check(text)));
    expect(fixed).toBe(spec(after));
    expect(check(fixed).diagnostics).toEqual([]);
  });
});
