import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unifiedDiff } from '../../src/cli/reports/line-diff.ts';
import { catalogue, codes } from '../../src/compiler/diagnostics/catalogue.ts';
import type { Diagnostic } from '../../src/compiler/diagnostics/diagnostic.ts';
import { attention, type Entry } from '../../src/compiler/diagnostics/entry.ts';
import { applyEdits, type Checked, fixText } from '../../src/compiler/diagnostics/fixes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { spanOf } from '../../src/compiler/source/positions.ts';
import type { SourceFile } from '../../src/compiler/source/source.ts';
import { checkExample, codesOf } from '../frontend/helpers.ts';
import { gqac } from './helpers.ts';

const withFixes = codes.flatMap((code) => {
  const { failing }: Entry<never> = catalogue[code];
  const { diagnostics } = checkExample(failing);
  const fixes = diagnostics.flatMap((one) => one.fixes);
  return fixes.map(({ title, edits }) => ({ code, failing, title, edits }));
});

describe('each fix of the catalogue', () => {
  test('there are some', () => expect(withFixes.length).toBeGreaterThan(15));

  test.each(withFixes)('$code, $title: removes the finding, and brings no other', ({ failing, edits }) => {
    const fixed = applyEdits(failing.spec, edits);
    expect(codesOf(checkExample(failing, fixed))).toEqual([]);
  });

  test.each(withFixes)('$code, $title: also in a flow map, and with carriage returns', ({ code, failing }) => {
    const flow = failing.spec.replace(/^attention:\n((?: {2}.*\n)+)/m, (_, lines: string) => {
      const entries = lines
        .trimEnd()
        .split('\n')
        .map((line) => line.trim());
      return `attention: { ${entries.join(', ').replace(/:, slots: (\d+), heads: (\d+)/, ': { slots: $1, heads: $2 }')} }\n`;
    });
    for (const text of [flow, failing.spec.replaceAll('\n', '\r\n')]) {
      // A comment ends a line, so it has no place in a flow map of one line.
      if (/#.*,/.test(text) && text === flow) continue;
      const found = checkExample(failing, text).diagnostics.filter((one) => one.code === code);
      expect(found, text).toHaveLength(1);
      for (const { edits } of found[0]?.fixes ?? []) {
        expect(codesOf(checkExample(failing, applyEdits(text, edits))), text).toEqual([]);
      }
    }
  });
});

/** Finds each of these words, with an edit that puts the other in its place. */
function replacing(words: Readonly<Record<string, string>>, isReadable = (_: string) => true) {
  return (file: SourceFile): Checked => {
    const diagnostics = Object.entries(words).flatMap(([word, text]): Diagnostic[] => {
      const at = file.text.indexOf(word);
      const span = spanOf(file, at, at + word.length);
      const fixes = [{ title: `${word} to ${text}`, edits: [{ span, text }] }];
      const words = { slug: 'x', severity: 'error', message: 'x' } as const;
      return at === -1 ? [] : [{ code: word, ...words, span, notes: [], fixes }];
    });
    return { diagnostics, isReadable: isReadable(file.text) };
  };
}

describe('fixText', () => {
  const fix = (text: string, check: (file: SourceFile) => Checked) => {
    const { text: fixed, applied } = fixText({ path: 'a', text }, check);
    return [fixed, applied.map(({ title }) => title)];
  };

  test('goes on until nothing is left', () => {
    expect(fix('a', replacing({ a: 'b', b: 'c', c: 'd' }))).toEqual(['d', ['a to b', 'b to c', 'c to d']]);
  });

  test('ends when two rules disagree, and after ten passes', () => {
    expect(fix('a', replacing({ a: 'b', b: 'a' }))).toEqual(['b', ['a to b']]);
    expect(fix('a', replacing({ a: 'aa' }))[0]).toBe('a'.repeat(11));
  });

  test('overlapping edits are not made together', () => {
    expect(fix('abc', replacing({ ab: 'x', bc: 'y' }))).toEqual(['xc', ['ab to x']]);
    expect(fix('ab c', replacing({ ab: 'x', c: 'y' }))).toEqual(['x y', ['ab to x', 'c to y']]);
  });

  test('an edit after which the text cannot be read is not made, the others are', () => {
    expect(
      fix(
        'a c',
        replacing({ a: '!', c: 'd' }, (text) => !text.includes('!')),
      ),
    ).toEqual(['a d', ['c to d']]);
  });

  test('a finding with several fixes is left to people', () => {
    const text = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64');
    const check = (file: SourceFile) => ({ ...checkSpec(file), isReadable: true });
    expect(fix(text, check)).toEqual([text, []]);
  });
});

describe('unifiedDiff', () => {
  test('of equal texts is empty', () => expect(unifiedDiff('a', 'x\n', 'x\n')).toBe(''));

  test('has three lines around, and joins hunks that touch', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `${index + 1}\n`);
    const changed = lines.map((line) => (line === '5\n' ? 'five\n' : line)).filter((line) => line !== '12\n');
    expect(unifiedDiff('f', lines.join(''), [...changed, 'end'].join(''))).toBe(
      `--- f\n+++ f\n@@ -2,14 +2,13 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n 10\n 11\n-12\n 13\n 14\n 15\n@@ -28,3 +27,4 @@\n 28\n 29\n 30\n+end\n\\ No newline at end of file\n`,
    );
  });

  test('from nothing and to nothing', () => {
    expect(unifiedDiff('f', '', 'a\n')).toBe('--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n');
    expect(unifiedDiff('f', 'a\n', '')).toBe('--- f\n+++ f\n@@ -1,1 +0,0 @@\n-a\n');
  });
});

describe('gqac check --fix', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gqac-fix-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const wrong = `# kept\n${attention('q_heads: 8', 'kv_head: 1   # one', 'head_dim: 64', 'memory_kv: { slots: 4, heads: 8 }')}`;
  const right = `# kept\n${attention('q_heads: 8', 'kv_heads: 1   # one', 'head_dim: 64', 'memory_kv: { slots: 4 }')}`;

  test('writes what is safe, pass after pass, and says what it did', () => {
    const path = join(folder, 'a.gqa.yaml');
    writeFileSync(path, wrong);
    chmodSync(path, 0o640);
    const { status, stdout, stderr } = gqac(['check', '--fix', path]);
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr.split('\n')).toEqual([
      `${path}:6:3: fixed SCH001: rename it to \`kv_heads\``,
      `${path}:8:33: fixed MEM001: delete \`heads\``,
      '1 spec checked, no findings',
      '',
    ]);
    expect(readFileSync(path, 'utf8')).toBe(right);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(gqac(['check', '--fix', path]).stderr).toBe('1 spec checked, no findings\n');
    expect(readdirSync(folder)).toEqual(['a.gqa.yaml']);
  });

  test('--dry-run prints a diff and writes nothing', () => {
    const path = join(folder, 'b.gqa.yaml');
    writeFileSync(path, wrong);
    const { status, stdout } = gqac(['check', '--fix', '--dry-run', path]);
    expect(status).toBe(0);
    expect(stdout).toBe(unifiedDiff(path, wrong, right));
    expect(readFileSync(path, 'utf8')).toBe(wrong);
  });

  test('what asks for a decision stays and fails; what is ignored stays', () => {
    const path = join(folder, 'c.gqa.yaml');
    const text = attention(
      'hidden: 512',
      'q_heads: 8',
      'kv_heads: 1',
      'memory_kv: { slots: 4, heads: 8 } # gqac-ignore MEM001: of the other branch',
      'rope: {}',
    );
    writeFileSync(path, `${text}weights: { file: model.safetensors }\n`);
    expect(gqac(['check', '--fix', path])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('error[ROPE003]'),
    });
    expect(readFileSync(path, 'utf8')).toBe(`${text}weights: { file: model.safetensors }\n`);
  });

  test('of a link the target is written, and a file with a syntax error is left alone', () => {
    const target = join(folder, 'd.gqa.yaml');
    const link = join(folder, 'link.gqa.yaml');
    writeFileSync(target, wrong);
    symlinkSync(target, link);
    expect(gqac(['check', '--fix', link]).status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toBe(right);
    const broken = wrong.replace('q_heads: 8', 'q_heads: 8\n  q_heads: [8');
    writeFileSync(target, broken);
    expect(gqac(['check', '--fix', target]).status).toBe(1);
    expect(readFileSync(target, 'utf8')).toBe(broken);
  });

  test('contradictions are refused', () => {
    const path = join(folder, 'a.gqa.yaml');
    for (const args of [
      ['--fix', '-'],
      ['--dry-run', path],
      ['--fix', '--dry-run', '--format', 'json', path],
    ]) {
      expect(gqac(['check', ...args], wrong).status).toBe(2);
    }
  });
});
