import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exampleNames, exampleSpec } from '../frontend/helpers.ts';
import { format, parse } from './helpers.ts';

const many = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => text(at)).join(' ');

/** name, text, the only code that it may raise. */
const hostile: readonly (readonly [string, string, string])[] = [
  ['NUL', '\0', 'SYN001'],
  ['a list', '[1]', 'SYN001'],
  ['open brackets, 5 KB', 'a '.concat('['.repeat(5000)), 'SYN003'],
  ['open braces, 200 KB', '{'.repeat(200_000), 'SYN003'],
  ['closing braces, 200 KB', '}'.repeat(200_000), 'SYN001'],
  ['mixed nesting', 'a { b ['.repeat(500), 'SYN003'],
  ['closed deep nesting', `a ${'['.repeat(100)}${']'.repeat(100)}`, 'SYN003'],
  ['deepest maps', `${'a { '.repeat(64)}${'} '.repeat(64)}`, 'SYN003'],
  ['commas, 200 KB', ','.repeat(200_000), 'SYN001'],
  ['commas and words', 'a,,'.repeat(3000), 'SYN001'],
  ['colons, 200 KB', ':'.repeat(200_000), 'SYN001'],
  ['quotes, 200 KB', '"'.repeat(200_001), 'SYN003'],
  ['one open quote', `a "${'b '.repeat(100_000)}`, 'SYN001'],
  ['lines of quotes', '"\n'.repeat(100_000), 'SYN003'],
  ['fewer lines of quotes', '"\n'.repeat(10_000), 'SYN001'],
  ['stray characters', 'a @ '.repeat(60_000), 'SYN003'],
  ['stray characters alone', '@'.repeat(200_000), 'SYN001'],
  ['stray characters apart', '@ '.repeat(100_000), 'SYN001'],
  ['escapes', `a "${'\\'.repeat(200_000)}`, 'SYN001'],
  ['numbers for names', '1 '.repeat(11_000), 'SYN001'],
  ['lists for names', '[] '.repeat(5000), 'SYN001'],
  ['too many bytes', `a ${'x'.repeat(300_000)}`, 'SYN003'],
  ['too many bytes of UTF-8', `a "${'é'.repeat(140_000)}"`, 'SYN003'],
  ['too many keys', many(2001, (index) => `k${index} 1`), 'SYN003'],
  ['too many items', `a [${'1 '.repeat(11_000)}]`, 'SYN003'],
  ['far too many items', `a [${'1 '.repeat(100_000)}]`, 'SYN003'],
  ['templates', `a ${'x{i'.repeat(60_000)}`, 'SYN003'],
  ['integer of 100 KB', `a ${'9'.repeat(100_000)}`, 'SYN005'],
  ['number of signs', `a 1${'-'.repeat(200_000)}`, 'SYN001'],
  ['key of 200 KB', `${'k'.repeat(200_000)} 1 `.concat('j 1 j 2'), 'SYN002'],
];

test.each(hostile)('%s is refused, twice, in time', (_, text, code) => {
  const start = performance.now();
  const first = parse(text);
  expect(parse(text).codes).toEqual(first.codes);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(new Set(first.codes)).toEqual(new Set([code]));
});

const fragment = fc.oneof(
  fc.constantFrom(
    '- ',
    ': ',
    '? ',
    ' # c',
    '# c\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    "'",
    '#',
    '\\',
    '\n',
    '0',
    '-1',
    '1e400',
    'null',
    'true',
    '{i}',
    '[0:',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

describe.each(['yaml', 'dsl'] as const)('%s', (syntax) => {
  test('a text that is changed anywhere is read or refused, and what is formatted stays the same spec', async () => {
    const examples = await Promise.all(exampleNames.map((name) => format(exampleSpec(name), 'yaml', syntax)));
    const specs = [...examples, await format(commented, 'dsl', syntax)];
    const edits = fc.array(fc.tuple(fc.nat(2000), fc.nat(12), fragment), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...specs), edits, async (text, changes) => {
        let changed = text;
        for (const [at, length, insert] of changes) {
          const start = at % (changed.length + 1);
          changed = changed.slice(0, start) + insert + changed.slice(start + length);
        }
        const { tree, diagnostics, plain } = parse(changed, syntax);
        for (const { span } of diagnostics) {
          expect(0 <= span.start && span.start <= span.end && span.end <= changed.length).toBe(true);
        }
        if (tree === undefined) expect(diagnostics).not.toEqual([]);
        if (diagnostics.length > 0 || /[&*][a-z]/.test(changed)) return;
        const formatted = await format(changed, syntax);
        expect(parse(formatted, syntax).plain).toEqual(plain);
        expect(await format(formatted, syntax)).toBe(formatted);
      }),
      { numRuns: 300 },
    );
  });
});

const commented = `
# head
gqac 1 # version
name demo

# the heads
attention { # of all layers
  # eight
  q_heads 8 # H
  # norms
  qk_norm [
    # first
    { kind rms # RMS
      unit_offset }
    l2 # second
    # no third
  ]
  mask { causal # left
    window 8 }
  # end of attention
}
# tail
`;
