import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callErrorCodes } from '../../src/compiler/diagnostics/call-errors.ts';
import { codes } from '../../src/compiler/diagnostics/catalogue.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { importEntries, importRuleCodes } from '../../src/compiler/import/pages.ts';
import { checkText, codesOf, exampleSpec, only, root, textAt } from '../frontend/helpers.ts';
import { gqac } from './helpers.ts';

const good = attention('q_heads: 8', 'head_dim: 64');
const bad = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64');
const warned = attention('q_heads: 8', 'head_dim: 64', 'normalizer: sigmoid', 'sinks: true');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-lint-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('warnings', () => {
  test('fail with --strict, and above --max-warnings', () => {
    expect(gqac(['check', '-'], warned).status).toBe(0);
    expect(gqac(['check', '-', '--strict'], warned).status).toBe(1);
    expect(gqac(['check', '-', '--strict'], good).status).toBe(0);
    expect(gqac(['check', '-', '--max-warnings', '1'], warned).status).toBe(0);
    expect(gqac(['check', '-', '--max-warnings', '0'], warned).status).toBe(1);
    expect(gqac(['check', '-', '--strict', '--max-warnings', '3'], warned)).toMatchObject({
      status: 2,
      stderr: 'error: --strict allows no warning, and --max-warnings 3 some: leave one out\n',
    });
  });
});

describe('many files and folders', () => {
  test('come out in the order of the arguments, each once, whatever is unreadable among them', async () => {
    const names = ['z/spec.yaml', 'a/b/spec.yaml', 'a/x.gqa.yaml', 'a/spec.yaml', 'single.yaml'];
    for (const name of names) {
      mkdirSync(join(folder, 'tree', name, '..'), { recursive: true });
      writeFileSync(join(folder, 'tree', name), bad);
    }
    writeFileSync(join(folder, 'tree/a/latin.gqa.yaml'), Buffer.from([0xe9]));
    const args = ['check', 'z', 'a', 'single.yaml', 'z', '--format', 'json'];
    const { status, stdout, stderr } = gqac(args, '', join(folder, 'tree'));
    expect([status, stderr]).toEqual([2, 'error: a/latin.gqa.yaml is not UTF-8 text\n']);
    const report: { readonly diagnostics: readonly { readonly file: string }[] } = JSON.parse(stdout);
    expect(report.diagnostics.map(({ file }) => file)).toEqual([
      'z/spec.yaml',
      'a/b/spec.yaml',
      'a/spec.yaml',
      'a/x.gqa.yaml',
      'single.yaml',
    ]);
  });

  /** 2.6 s for the built command on two idle cores, see docs/linting.md; here its sources run, beside other tests. */
  test('1,000 specs of 60 lines are checked by one command in seconds, in order', { retry: 1 }, () => {
    const own = exampleSpec('shakespeare-xt-mem-mqa').replace(/^weights:\n {2}file: .*\n/m, 'weights:\n');
    const lines = own.trimEnd().split('\n');
    const text = `${[...lines, ...Array.from({ length: 60 - lines.length }, (_, index) => `# ${index}`)].join('\n')}\n`;
    const names = Array.from({ length: 1000 }, (_, index) => `many/${String(index).padStart(4, '0')}.gqa.yaml`);
    mkdirSync(join(folder, 'many'));
    for (const [index, name] of names.entries()) {
      writeFileSync(join(folder, name), index % 10 === 0 ? text.replace('one_kv_head: true', 'kv_heads: 4') : text);
    }
    const start = performance.now();
    const { status, stdout } = gqac(['check', 'many', '--format', 'json'], '', folder);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(status).toBe(1);
    const report: { readonly diagnostics: readonly { readonly file: string }[]; readonly summary: object } =
      JSON.parse(stdout);
    expect(report.summary).toMatchObject({ files: 1000 });
    expect(report.diagnostics.map(({ file }) => file)).toEqual(names.filter((_, index) => index % 10 === 0));
  });
});

describe('--shards', () => {
  const heads = (q: number, kv: number) => attention(`q_heads: ${q}`, `kv_heads: ${kv}`, 'head_dim: 64');

  test.each([
    [32, 8, [1, 2, 4, 8, 16, 32]],
    [24, 8, [1, 2, 4, 8, 24]],
    [6, 2, [1, 2, 6]],
    [71, 1, [1, 71]],
  ])('%i query heads and %i KV heads go with %j', (q, kv, possible) => {
    const fitting = Array.from({ length: q + 5 }, (_, index) => index + 1).filter(
      (shards) => codesOf(checkText(heads(q, kv), undefined, shards)).length === 0,
    );
    expect(fitting).toEqual(possible);
  });

  test('points at the heads that do not fit', () => {
    const ofKv = only(checkText(heads(24, 8), undefined, 3));
    expect([textAt(ofKv), ofKv.help]).toEqual(['8', 'these heads go with 1, 2, 4, 8 or 24 shards']);
    const ofQ = only(checkText(heads(6, 2), undefined, 4));
    expect([textAt(ofQ), ofQ.message]).toEqual(['6', '6 query heads cannot be spread evenly over 4 shards']);
    const grouped = attention('q_heads: 24', 'group_size: 3', 'head_dim: 64');
    expect(textAt(only(checkText(grouped, undefined, 3)))).toBe('3');
    const multiQuery = attention('q_heads: 6', 'one_kv_head: true', 'head_dim: 64');
    expect(textAt(only(checkText(multiQuery, undefined, 4)))).toBe('6');
  });

  test('is asked for by the command', () => {
    expect(gqac(['check', '-'], heads(24, 8)).status).toBe(0);
    expect(gqac(['check', '-', '--shards', '3'], heads(24, 8))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('error[SHD001]'),
    });
    expect(gqac(['check', '-', '--shards', '0'], heads(24, 8))).toMatchObject({
      status: 2,
      stderr: 'error: --shards 0 is not a count: use 1 or more\n',
    });
  });
});

describe('the importers’ codes', () => {
  const imported = (config: object) => importConfig(config, undefined, { name: 'x' });

  test.each(importRuleCodes)('%s: its failing example raises it, its mended one nothing but conventions', (code) => {
    const { failing, mended } = importEntries[code];
    expect(new Set(imported(failing).notes.map((one) => one.code))).toEqual(new Set([code]));
    if (mended === undefined) return;
    expect(imported(mended).notes.filter((one) => one.severity !== 'info')).toEqual([]);
  });

  test('are explained and listed like the others', () => {
    const { status, stdout } = gqac(['explain', 'imp002']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^# IMP002: import-not-expressible \(error\)\n/);
    expect(gqac(['explain', 'MEM004']).stdout).toMatch(/^# MEM004: memory-columns-given \(error\)\n/);
    expect(gqac(['explain', 'IMP02']).stderr).toBe('error: no diagnostic IMP02: did you mean IMP002?\n');
  });
});

test('gqac rules has every code in each format', () => {
  const all = [...codes, ...importRuleCodes, ...callErrorCodes];
  const human = gqac(['rules']).stdout;
  expect(human.match(/^[A-Z]+\d+/gm)).toEqual(all);
  const { rules } = JSON.parse(gqac(['rules', '--format', 'json']).stdout);
  expect(rules.map(({ code }: { readonly code: string }) => code)).toEqual(all);
  const markdown = gqac(['rules', '--format', 'markdown']).stdout;
  expect(markdown.match(/(?<=^\| )[A-Z]+\d+/gm)).toEqual(all);
  for (const row of markdown.trimEnd().split('\n')) expect(row.match(/(?<!\\)\|/g), row).toHaveLength(5);
  expect(gqac(['rules', '--format', 'xml']).status).toBe(2);
});

test('gqac check loads nothing of another format, of fixes or of baselines unless asked', () => {
  const loaded = new Set<string>();
  const load = (url: URL) => {
    if (loaded.has(url.pathname)) return;
    loaded.add(url.pathname);
    const source = readFileSync(url, 'utf8');
    for (const [, path = ''] of source.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+\.ts)';/gms)) {
      load(new URL(path, url));
    }
  };
  for (const entry of ['main', 'files/spec-files', 'lint/lint-specs', 'lint/lint-output']) {
    load(new URL(`src/cli/${entry}.ts`, `file://${root}`));
  }
  const names = [...loaded].map((path) => path.slice(path.lastIndexOf('/') + 1));
  expect(names).toContain('pipeline.ts');
  expect(names).not.toContainEqual(
    expect.stringMatching(/^render-(sarif|junit|github|json)|^fix|baseline|pages|line-diff/),
  );
});
