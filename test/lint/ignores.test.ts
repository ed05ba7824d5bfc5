import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import type { CheckResult } from '../../src/compiler/pipeline.ts';
import { checkAttention, checkText, codesOf, textAt } from '../frontend/helpers.ts';
import { gqac } from './helpers.ts';

const idleSinks = ['q_heads: 8', 'head_dim: 64', 'normalizer: sigmoid'];
const windowed = ['q_heads: 8', 'head_dim: 64', 'memory_kv: 4'];

function ignoredOf({ ignored }: CheckResult): readonly (readonly [string, string])[] {
  return [...ignored].map(([{ code }, reason]) => [code, reason]);
}

describe('# gqac-ignore', () => {
  test.each([
    ['at the end of the line', ['sinks: true # gqac-ignore OPT002: a, b: c']],
    ['on the line above', ['# gqac-ignore OPT002: a, b: c', 'sinks: true']],
    ['above other comments', ['# gqac-ignore OPT002: a, b: c', '# why', '#', 'sinks: true']],
    ['in small letters, without spaces', ['#gqac-ignore opt002:a, b: c', 'sinks: true']],
  ])('%s silences a warning', (_, lines) => {
    const result = checkAttention(...idleSinks, ...lines);
    expect([codesOf(result), ignoredOf(result)]).toEqual([[], [['OPT002', 'a, b: c']]]);
    expect(result.shaped).toBeDefined();
  });

  test('works with carriage returns', () => {
    const text = attention(...idleSinks, 'sinks: true # gqac-ignore OPT002: why').replaceAll('\n', '\r\n');
    expect(ignoredOf(checkText(text))).toEqual([['OPT002', 'why']]);
  });

  test.each([
    ['two lines above', ['# gqac-ignore OPT002: x', 'zero_kv: true', 'sinks: true']],
    ['below', ['sinks: true', '# gqac-ignore OPT002: x']],
    ['of another code', ['sinks: true # gqac-ignore WIN002: x']],
  ])('%s does not, and says so', (_, lines) => {
    expect(codesOf(checkAttention(...idleSinks, ...lines))).toEqual(['OPT002', 'LNT002']);
  });

  test('inside of a string is no comment', () => {
    const text = `${attention(...idleSinks, 'sinks: true')}weights: { file: "a # gqac-ignore OPT002: x" }\n`;
    expect(codesOf(checkText(text))).toEqual(['OPT002']);
  });

  test('an ignored error is reported by no linter, and nothing is built of the spec', () => {
    const line = 'mask: { causal: true, window: 128 } # gqac-ignore MEM005: decided later';
    const result = checkAttention(...windowed, line);
    expect(ignoredOf(result)).toEqual([['MEM005', 'decided later']]);
    expect(codesOf(result)).toEqual(['MEM005']);
    expect(result.shaped).toBeUndefined();
  });

  test('without a reason is LNT001, and ignores', () => {
    const result = checkAttention(...idleSinks, 'sinks: true # gqac-ignore OPT002');
    expect([codesOf(result), ignoredOf(result)]).toEqual([['LNT001'], [['OPT002', '']]]);
  });

  test('LNT002 names the one code of several that is idle, and its fix keeps the others', () => {
    const result = checkAttention(...idleSinks, 'sinks: true # gqac-ignore WIN002, OPT002: x');
    const [found] = result.diagnostics;
    expect(found && [found.code, textAt(found), found.fixes[0]?.title]).toEqual([
      'LNT002',
      'WIN002',
      'delete WIN002 from the ignore',
    ]);
  });

  test.each([
    ['NOP123', 'there is no diagnostic NOP123'],
    ['SCH001', 'SCH001 cannot be ignored'],
    ['LNT001', 'LNT001 cannot be ignored'],
    ['', 'this ignore names no diagnostic'],
  ])('of %j is LNT002: %s', (code, message) => {
    const result = checkAttention('q_heads: 8', `head_dim: 64 # gqac-ignore ${code}: x`);
    expect(result.diagnostics.map((one) => [one.code, one.message])).toEqual([['LNT002', message]]);
  });

  test('syntax and schema stay', () => {
    expect(codesOf(checkAttention('q_heads: 8', 'head_dim: -1 # gqac-ignore SCH002: x'))).toEqual(['SCH002', 'LNT002']);
  });

  test('is not called idle while its rule could not run: no checkpoint, no --shards, other errors', () => {
    expect(codesOf(checkAttention('q_heads: 8', 'head_dim: 64 # gqac-ignore WGT002, SHD001: x'))).toEqual([]);
    expect(codesOf(checkText(attention('q_heads: 8', 'head_dim: 64 # gqac-ignore SHD001: x'), undefined, 4))).toEqual([
      'LNT002',
    ]);
    expect(codesOf(checkAttention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64 # gqac-ignore WIN002: x'))).toEqual([
      'GQA001',
    ]);
  });
});

test('the commands: check leaves ignored findings out and says how many, build refuses an ignored error', () => {
  const text = attention(...windowed, 'mask: { causal: true, window: 128 } # gqac-ignore MEM005: decided later');
  expect(gqac(['check', '-'], text)).toEqual({
    status: 0,
    stdout: '',
    stderr: '1 spec checked, no findings but 1 ignored\n',
  });
  expect(JSON.parse(gqac(['check', '-', '--format', 'json'], text).stdout)).toMatchObject({
    diagnostics: [],
    summary: { errors: 0, ignored: 1, known: 0, fixed: 0 },
  });
  expect(gqac(['inspect', '-'], text)).toMatchObject({ status: 1, stderr: expect.stringContaining('error[MEM005]') });
});
