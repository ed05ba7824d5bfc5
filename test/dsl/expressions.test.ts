import { describe, expect, test } from 'vitest';
import { renderAll } from '../../src/compiler/diagnostics/render-text.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { parserOf } from '../../src/compiler/syntax/syntaxes.ts';
import { format, parse } from './helpers.ts';

const attention = (...lines: readonly string[]) =>
  `gqac 1\nname example\nattention {\n  q_heads 8\n  head_dim 64\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;

/** The value of `score`, and what stands after it. */
function scoreOf(text: string): readonly unknown[] {
  const { plain, codes } = parse(attention(`score ${text}`, 'sinks'));
  expect(codes).toEqual([]);
  const { score, ...rest } = (plain as { attention: Record<string, unknown> }).attention;
  expect(rest).toEqual({ q_heads: 8, head_dim: 64, sinks: true });
  return [score];
}

const whole = [
  's',
  '-s',
  '!(q < k)',
  's*2',
  's-1',
  's - 1',
  's -1',
  's- 1',
  '2-s',
  '2 -s',
  '1e-5 * s',
  's+.5',
  's/2',
  's / (1 + s)',
  'softcap(s, 50) - alibi_slope(h) * (q - k)',
  'softcap(s,50)-alibi_slope(h)*(q-k)',
  's + slope[h]*bias[h, q - k + 128]',
  'select(q-k<128|is_memory&!is_zero, s, -1.5)',
  'q//2 == k // 2',
  'q % 2 != k%2',
  'true',
  'a && b || c',
];

describe('an expression ends where the next option begins', () => {
  test.each(whole)('%s', (text) => expect(scoreOf(text)).toEqual([text]));

  test('over lines, with comments', () => {
    const lines = 's # the logit\n    - alibi_slope(h) # per head\n    * (q -\n      k)';
    expect(scoreOf(lines)).toEqual(['s - alibi_slope(h) * (q - k)']);
  });

  test('in a map on one line', () => {
    const { plain } = parse(attention('mask { causal  where q - k < 128 | is_memory, window 9 }'));
    expect(plain).toMatchObject({ attention: { mask: { causal: true, where: 'q - k < 128 | is_memory', window: 9 } } });
  });

  test('in quotes it is what the quotes hold', () => expect(scoreOf('"s - 1"')).toEqual(['s - 1']));

  test('other options take no more than before', () => {
    const { plain } = parse('name score\nattention { score s }');
    expect(plain).toEqual({ name: 'score', attention: { score: 's' } });
  });
});

describe('printing', () => {
  test.each([...whole, 's +'])('%s comes back from the other syntax', async (text) => {
    const dsl = attention(`score ${text}`);
    const yaml = await format(dsl, 'dsl', 'yaml');
    expect(parse(yaml, 'yaml').plain).toEqual(parse(dsl).plain);
    const back = await format(yaml, 'yaml', 'dsl');
    expect(parse(back).plain).toEqual(parse(dsl).plain);
    expect(back).toContain(/ \+$|&&/.test(text) ? `score "${text}"` : `score ${text}\n`);
  });

  test.each(['s # note', ' s', 's\n- 1', 's "', 'é'])('%j stays in quotes', async (text) => {
    const yaml = `gqac: 1\nname: example\nattention:\n  q_heads: 8\n  score: ${JSON.stringify(text)}\n`;
    const dsl = await format(yaml, 'yaml', 'dsl');
    expect(dsl).toContain(`score ${JSON.stringify(text)}`);
    expect(parse(dsl).plain).toEqual(parse(yaml, 'yaml').plain);
  });

  test('comments stay where they are', async () => {
    const text = attention('# above', 'score s - 1 # behind', 'mask { causal, where q - k < 8 } # and here');
    expect(await format(text, 'dsl')).toBe(text);
    expect(await format(await format(text, 'dsl', 'yaml'), 'yaml', 'dsl')).toBe(text);
  });

  test('comments within an expression are kept', async () => {
    const once = await format(attention('score s # one', '  - 1 # two', 'sinks'), 'dsl');
    for (const comment of ['# one', '# two']) expect(once).toContain(comment);
    expect(once).toContain('score s - 1');
    expect(await format(once, 'dsl')).toBe(once);
  });
});

describe('diagnostics', () => {
  const parseDsl = parserOf('dsl');
  const check = async (text: string) => checkSpec({ path: 'spec.gqa', text }, { parse: await parseDsl });

  test('point into the expression', async () => {
    const { diagnostics } = await check(attention('score s - slop * (q - k)', 'parameters { slope {} }'));
    expect(renderAll(diagnostics)).toContain(
      ' --> spec.gqa:6:13\n  |\n6 |   score s - slop * (q - k)\n  |             ^^^^ did you mean `slope`?',
    );
  });

  test.each([
    ['score softcap(s, 50', 'SYN001'],
    ['score (s, 50]', 'SYN001'],
    ['score s)', 'SYN001'],
    ['score s ^ 2', 'SYN001'],
    ['score s = 2', 'SYN001'],
    ['score s ** 2', 'EXP001'],
    ['score s + + ', 'EXP001'],
    ['score', 'SCH002'],
    ['score null', 'SCH002'],
    ['score [s]', 'SCH002'],
    ['score { s }', 'SCH002'],
    ['q_heads (8)', 'SYN001'],
    ['sinks * 3', 'SYN001'],
    [`score ${'('.repeat(5000)}`, 'SYN003'],
    [`score ${'-'.repeat(60_000)}s`, 'SYN003'],
    [`score ${'(s + '.repeat(55)}s${')'.repeat(55)}`, 'EXP001'],
    [`score s${' - s'.repeat(3000)}`, 'EXP001'],
  ])('%s', async (line, code) => {
    const { diagnostics } = await check(attention(line));
    expect([...new Set(diagnostics.map((one) => one.code))]).toEqual([code]);
    for (const { span } of diagnostics) expect(span.end).toBeLessThanOrEqual(span.file.text.length);
  });
});
