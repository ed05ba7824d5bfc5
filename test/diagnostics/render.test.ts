import { describe, expect, test } from 'vitest';
import { catalogue, codes } from '../../src/compiler/diagnostics/catalogue.ts';
import { note } from '../../src/compiler/diagnostics/diagnostic.ts';
import { jsonReport } from '../../src/compiler/diagnostics/render-json.ts';
import { noColours, renderAll, renderText } from '../../src/compiler/diagnostics/render-text.ts';
import { collectDiagnostics, families } from '../../src/compiler/diagnostics/report.ts';
import { lineText, positionAt, spanOf } from '../../src/compiler/source/positions.ts';
import { checkText, only, sourceOf } from '../frontend/helpers.ts';

const { failing } = catalogue.MEM001;

describe('renderText', () => {
  test('frames both lines of MEM001, as in the design', () => {
    expect(renderText(only(checkText(failing.spec)))).toBe(
      [
        'error[MEM001]: memory keys have 8 heads, the attention has 1 KV head',
        ' --> spec.yaml:9:12',
        '  |',
        '5 |   one_kv_head: true',
        '  |   ----------------- 1 KV head because of this',
        '9 |     heads: 8',
        '  |            ^ expected 1',
        '  = help: delete `heads`: memory key/values always follow kv_heads',
        '  = note: gqac explain MEM001',
        '',
      ].join('\n'),
    );
  });

  test('control characters of a spec do not reach the terminal', () => {
    const { diagnostics } = checkText('gqac: 1\nname: "\u001b[31mx\u202e"\nattention: { q_heads: 1, head_dim: 2 }\n');
    expect(diagnostics).toHaveLength(1);
    expect(['\u001b', '\u202e'].some((character) => renderAll(diagnostics).includes(character))).toBe(false);
  });

  test('a long line is cut around the mark', () => {
    const padding = Array.from({ length: 200 }, (_, index) => `k${index}: 1`).join(', ');
    const { diagnostics } = checkText(
      `gqac: 1\nname: x\nattention: { q_heads: 8, kv_heads: 3, head_dim: 2 }\n#\nweights: { names: { ${padding} } }\n`,
    );
    const text = renderAll(diagnostics);
    expect(
      Math.max(
        ...text
          .split('\n')
          .filter((line) => /^\s*\d+ \|/.test(line))
          .map((line) => line.length),
      ),
    ).toBeLessThan(180);
    for (const [index, line] of text.split('\n').entries()) {
      if (!line.includes('^') || !line.includes('|')) continue;
      const source = text.split('\n')[index - 1] ?? '';
      expect(source.length).toBeGreaterThanOrEqual(line.indexOf('^'));
    }
  });

  test('colours come from the palette only', () => {
    const shout = (text: string) => `<${text}>`;
    const text = renderText(only(checkText(failing.spec)), { ...noColours, error: shout });
    expect(text).toContain('<error[MEM001]>');
    expect(text).toContain('<^ expected 1>');
  });
});

test('jsonReport has the documented form', () => {
  const report = jsonReport(checkText(failing.spec).diagnostics, 1);
  expect(report.summary).toEqual({ errors: 1, warnings: 0, infos: 0, files: 1, ignored: 0, known: 0, fixed: 0 });
  expect(JSON.parse(JSON.stringify(report)).diagnostics[0]).toEqual({
    code: 'MEM001',
    slug: 'memory-head-count',
    severity: 'error',
    message: 'memory keys have 8 heads, the attention has 1 KV head',
    label: 'expected 1',
    help: 'delete `heads`: memory key/values always follow kv_heads',
    file: 'spec.yaml',
    range: { start: { line: 9, column: 12, offset: 118 }, end: { line: 9, column: 13, offset: 119 } },
    notes: [
      {
        message: '1 KV head because of this',
        file: 'spec.yaml',
        range: { start: { line: 5, column: 3, offset: 48 }, end: { line: 5, column: 20, offset: 65 } },
      },
    ],
    fixes: [
      {
        title: 'delete `heads`',
        edits: [
          {
            range: { start: { line: 9, column: 1, offset: 107 }, end: { line: 10, column: 1, offset: 120 } },
            text: '',
          },
        ],
      },
    ],
  });
});

test('every family of codes has its place among the others', () => {
  const ofCodes = new Set(codes.map((code) => code.replace(/\d+$/, '')));
  expect([...ofCodes].filter((family) => !families.includes(family))).toEqual([]);
  expect(families.filter((family) => !ofCodes.has(family))).toEqual([]);
});

test('reports are frozen, kept once, and the most fundamental come first', () => {
  const file = sourceOf('a: 1\nb: 2\n');
  const { report, diagnostics, hasErrors } = collectDiagnostics();
  report('OPT002', spanOf(file, 0, 1), { option: 'a', reason: 'of this' });
  expect(hasErrors()).toBe(false);
  report('MEM006', spanOf(file, 0, 1), {});
  report('SCH003', spanOf(file, 5, 6), { option: 'b' }, [note(undefined, 'x')]);
  report('SCH003', spanOf(file, 5, 6), { option: 'b' });
  expect(diagnostics().map(({ code }) => code)).toEqual(['SCH003', 'MEM006', 'OPT002']);
  expect(Object.isFrozen(diagnostics()[0])).toBe(true);
  expect(hasErrors()).toBe(true);
});

test('positions count lines from 1, with any line ending', () => {
  const file = sourceOf('ab\r\ncd\n\nx');
  expect(positionAt(file, 0)).toEqual({ line: 1, column: 1, offset: 0 });
  expect(positionAt(file, 5)).toEqual({ line: 2, column: 2, offset: 5 });
  expect(positionAt(file, 99)).toEqual({ line: 4, column: 2, offset: 9 });
  expect([1, 2, 3, 4, 5].map((line) => lineText(file, line))).toEqual(['ab', 'cd', '', 'x', '']);
});
