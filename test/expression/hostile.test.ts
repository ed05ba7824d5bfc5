import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderAll } from '../../src/compiler/diagnostics/render-text.ts';
import { checkAttention, only, textAt } from '../frontend/helpers.ts';

const scored = (expression: string, ...lines: readonly string[]) =>
  checkAttention('q_heads: 8', 'head_dim: 64', ...lines, `score: ${JSON.stringify(expression)}`);
const masked = (expression: string, ...lines: readonly string[]) =>
  checkAttention('q_heads: 8', 'head_dim: 64', ...lines, `mask: { where: ${JSON.stringify(expression)} }`);

const scores: readonly (readonly [expression: string, code: string, at: string, message: RegExp])[] = [
  ['', 'SCH002', '""', /score/],
  ['(', 'EXP001', '(', /missing at the end/],
  ['s +', 'EXP001', '+', /a value is missing at the end/],
  ['(s', 'EXP001', '(', /never closed/],
  ['min(s, 1', 'EXP001', '(', /never closed/],
  ['s s', 'EXP001', 's', /expected an operator, found `s`/],
  ['s ** 2', 'EXP001', '**', /expected an operator/],
  ['s = 2', 'EXP001', '=', /expected an operator/],
  ['s < 1 < 2', 'EXP001', '<', /do not chain/],
  ['s + ü', 'EXP001', 'ü', /`ü` has no meaning/],
  ['s + 😀', 'EXP001', '😀', /`😀` has no meaning/],
  ["s + '1'", 'EXP001', "'", /has no meaning/],
  ['s + 8heads', 'EXP001', '8heads', /begins like a number/],
  ['s + 1.2.3', 'EXP001', '1.2.3', /begins like a number/],
  ['s + 0x10', 'EXP001', '0x10', /begins like a number/],
  ['s + 1e400', 'EXP005', '1e400', /32 bits/],
  ['s + 1e39', 'EXP005', '1e39', /32 bits/],
  ['s + 1e-400', 'EXP005', '1e-400', /32 bits/],
  ['s + 99999999999', 'EXP005', '99999999999', /32 bits/],
  ['s + q * q', 'EXP005', 'q * q', /32 bits may not hold it/],
  ['s / 0', 'EXP005', 's / 0', /divides by zero/],
  ['s / (1 - 1)', 'EXP005', 's / (1 - 1)', /divides by zero/],
  ['s + 1 // 0', 'EXP005', '1 // 0', /divides by zero/],
  ['s + h % (h - 3)', 'EXP005', 'h % (h - 3)', /may be zero/],
  ['s * exp(100)', 'EXP005', 'exp(100)', /no finite value/],
  ['s * log(h)', 'EXP005', 'log(h)', /not defined/],
  ['s * sqrt(h - 1)', 'EXP005', 'sqrt(h - 1)', /not defined/],
  ['log(-1.0) * s', 'EXP005', 'log(-1.0)', /no finite value/],
  ['t', 'EXP002', 't', /`t` is nothing/],
  ['constructor', 'EXP002', 'constructor', /nothing/],
  ['__proto__(s)', 'EXP002', '__proto__', /nothing/],
  ['toString[s]', 'EXP002', 'toString', /nothing/],
  ['soft_cap(s, 5)', 'EXP002', 'soft_cap', /nothing/],
  ['softcap(s)', 'EXP003', 'softcap(s)', /takes 2 operands/],
  ['select(s, 1, 2)', 'EXP003', 's', /condition/],
  ['select(h == 1, s, h == 1)', 'EXP003', 'h == 1', /takes numbers/],
  ['s + (h == 1)', 'EXP003', '(h == 1)', /takes numbers/],
  ['!s', 'EXP003', '!s', /takes a condition/],
  ['-(h == 1)', 'EXP003', '-(h == 1)', /takes a number/],
  ['s // 2', 'EXP003', 's', /takes integers/],
  ['h == 1', 'EXP003', 'h == 1', /a score is a number/],
  ['s[1]', 'EXP003', 's[1]', /has no entries/],
  ['alibi_slope(h + 1) * s', 'EXP004', 'h + 1', /from 1 to 8/],
];

describe('scores that are refused, at the place that is wrong', () => {
  test.each(scores)('%s', (expression, code, at, message) => {
    const diagnostic = only(scored(expression));
    expect([diagnostic.code, textAt(diagnostic)]).toEqual([code, at]);
    expect(diagnostic.message).toMatch(message);
  });
});

test('a mask has no logit, and is a condition', () => {
  expect(only(masked('s > 0'))).toMatchObject({ code: 'EXP002', message: /has no value in a mask/ });
  expect(only(masked('1')).code).toBe('EXP003');
});

test('all mistakes of an expression are reported', () => {
  const { diagnostics } = scored('t + u * softcap(v)');
  expect(diagnostics.map((one) => textAt(one))).toEqual(['t', 'u', 'softcap(v)', 'v']);
});

const deep: readonly (readonly [name: string, expression: string])[] = [
  ['parentheses', `${'('.repeat(3000)}s`],
  ['closed parentheses', `${'('.repeat(1500)}s${')'.repeat(1500)}`],
  ['signs', `${'-'.repeat(3900)}s`],
  ['calls', `${'abs('.repeat(900)}s`],
  ['indices', `${'a['.repeat(1900)}s`],
  ['a long sum', `s${' + s'.repeat(999)}`],
  ['length', 's'.repeat(100_000)],
];

test.each(deep)('%s without a bound are refused', (_, expression) => {
  const diagnostic = only(scored(expression));
  expect(diagnostic.code).toBe('EXP001');
  expect(diagnostic.message).toMatch(/more than|longer than/);
  expect(diagnostic.span.end).toBeLessThanOrEqual(diagnostic.span.file.text.length);
});

test('sums and nesting as far as they are allowed are read', () => {
  expect(scored(`s${' + s'.repeat(240)}`).diagnostics).toEqual([]);
  expect(scored(`${'abs('.repeat(47)}s${')'.repeat(47)}`).diagnostics).toEqual([]);
});

test('an expression that is folded over lines is reported as a whole', () => {
  const result = checkAttention('q_heads: 8', 'head_dim: 64', 'score: >', '  s +', '  t');
  expect(only(result).code).toBe('EXP002');
});

test('texts of tokens are read or refused, with places inside the file', () => {
  const token = fc.constantFrom(
    ...'s q k h kv b q_len is_memory slope ( ) [ ] , + - * / // % < <= == != & | ! 1 2.5 1e9 select min clamp floor'.split(
      ' ',
    ),
    'é',
    '\n',
  );
  fc.assert(
    fc.property(fc.array(token, { minLength: 1, maxLength: 14 }), fc.boolean(), (tokens, isMask) => {
      const text = tokens.join(' ');
      const declared = 'parameters: { slope: { axes: [h] } }';
      const { diagnostics, shaped } = (isMask ? masked : scored)(text, declared, 'memory_kv: 2');
      expect(shaped !== undefined).toBe(!diagnostics.some(({ severity }) => severity === 'error'));
      for (const { span } of diagnostics) {
        expect(span.start).toBeLessThanOrEqual(span.end);
        expect(span.end).toBeLessThanOrEqual(span.file.text.length);
      }
      expect(renderAll(diagnostics)).toBeDefined();
    }),
    { numRuns: 1500 },
  );
});
