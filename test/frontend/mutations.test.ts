import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderAll } from '../../src/compiler/diagnostics/render-text.ts';
import type { CheckResult } from '../../src/compiler/pipeline.ts';
import { richSpecs } from '../mutations/seeds.ts';
import { checkText, exampleNames, exampleSpec, exampleTensors, type Tensors } from './helpers.ts';

/** With a checkpoint that fits. */
function withTensors(text: string): { readonly text: string; readonly tensors: Tensors } {
  const { shaped, diagnostics } = checkText(text);
  if (shaped === undefined) throw new Error(renderAll(diagnostics));
  return { text, tensors: Object.fromEntries(shaped.weights.map(({ name, shape }) => [name, ['F32', ...shape]])) };
}

const specs = [
  ...exampleNames.map((name) => ({ text: exampleSpec(name), tensors: exampleTensors(name) })),
  ...richSpecs.map(withTensors),
];

/** Accepted with every dimension known, or refused with places in the file; never thrown. */
function expectSound(text: string, { diagnostics, shaped }: CheckResult): void {
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
  expect(shaped === undefined).toBe(hasErrors);
  for (const { span, notes, fixes } of diagnostics) {
    const edits = fixes.flatMap((fix) => fix.edits);
    for (const place of [span, ...notes.map((one) => one.span), ...edits.map((edit) => edit.span)]) {
      if (place === undefined) continue;
      expect(place.start).toBeGreaterThanOrEqual(0);
      expect(place.start).toBeLessThanOrEqual(place.end);
      expect(place.end).toBeLessThanOrEqual(text.length);
    }
  }
  expect(renderAll(diagnostics).length > 0).toBe(diagnostics.length > 0);
}

const fragment = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    '- ',
    '\n',
    '  ',
    '\t',
    '"',
    '&a ',
    '*a',
    '!x ',
    '#',
    '0',
    '-1',
    '1e400',
    'null',
    '{i}',
    '[0:',
    '~',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

test('a spec with its text changed anywhere is checked, not thrown at', () => {
  const edits = fc.array(fc.tuple(fc.nat(2000), fc.nat(12), fragment), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...specs), edits, ({ text, tensors }, changes) => {
      let changed = text;
      for (const [at, length, insert] of changes) {
        const start = at % (changed.length + 1);
        changed = changed.slice(0, start) + insert + changed.slice(start + length);
      }
      expectSound(changed, checkText(changed, tensors));
    }),
    { numRuns: 300 },
  );
});

test('a spec with a line left out, repeated or moved is checked', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...specs),
      fc.nat(100),
      fc.nat(100),
      fc.constantFrom(0, 1, 2),
      ({ text, tensors }, from, to, copies) => {
        const lines = text.split('\n');
        const line = lines[from % lines.length] ?? '';
        const rest = lines.filter((_, index) => index !== from % lines.length);
        const at = to % (rest.length + 1);
        const changed = [...rest.slice(0, at), ...Array.from({ length: copies }, () => line), ...rest.slice(at)].join(
          '\n',
        );
        expectSound(changed, checkText(changed, tensors));
      },
    ),
    { numRuns: 200 },
  );
});

test('one number changed in a spec that has a checkpoint: refused, or it does not touch the weights', () => {
  const free = /^(context|base|gqac|max_distance|window|softcap|k|scale|heads):|eps/;
  for (const { text, tensors } of specs) {
    for (const match of text.matchAll(/: (\d+)\b(?!\.)/g)) {
      const start = match.index + 2;
      const changed = `${text.slice(0, start)}${Number(match[1]) + 1}${text.slice(start + (match[1]?.length ?? 0))}`;
      const result = checkText(changed, tensors);
      expectSound(changed, result);
      const before = text.slice(text.lastIndexOf('\n', start) + 1, start);
      const option = before.split(/[{,]/).at(-1)?.trim() ?? '';
      const isFree = free.test(option);
      if (!isFree) expect(result.shaped, `${option} ${match[1]}`).toBeUndefined();
    }
  }
});

const perHead = /_norm2?\.weight$|sinks$|head_scale$|mix_|parameters\./;

test('a checkpoint with any tensor reshaped, renamed or left out is refused', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...specs),
      fc.nat(1000),
      fc.constantFrom('reshape', 'rename', 'drop', 'flatten', 'retype'),
      ({ text, tensors }, pick, change) => {
        const names = Object.keys(tensors).filter((name) => !name.endsWith('inv_freq'));
        const chosen = names[pick % names.length] ?? '';
        const changed: Tensors = Object.fromEntries(
          Object.entries(tensors).flatMap(([name, [dtype, ...shape]]) => {
            if (name !== chosen) return [[name, [dtype, ...shape]] as const];
            if (change === 'drop') return [];
            if (change === 'rename') return [[`${name}x`, [dtype, ...shape]] as const];
            if (change === 'retype') return [[name, ['I32', ...shape]] as const];
            // Per-head weights may have axes of one entry.
            if (change === 'flatten' && perHead.test(name)) return [[name, [dtype, ...shape, 2]] as const];
            if (change === 'flatten') return [[name, [dtype, ...shape, 1]] as const];
            return [[name, [dtype, ...shape.map((extent) => extent - 1)]] as const];
          }),
        );
        const result = checkText(text, changed);
        expectSound(text, result);
        expect(result.shaped, `${change} ${chosen}`).toBeUndefined();
      },
    ),
    { numRuns: 200 },
  );
});
