import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baselineOf, compareWithBaseline, hashOf, parseBaseline } from '../../src/compiler/diagnostics/baseline.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { gqac, reportOf } from './helpers.ts';

const bad = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64');
const worse = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64', 'n_heads: 4');
const same = (path: string) => path;

describe('a baseline', () => {
  const { diagnostics } = reportOf([{ path: 'a.yaml', text: bad }]);
  const baseline = baselineOf(diagnostics, same);

  test('knows a finding by code, file and message, wherever it has moved to', () => {
    expect(baseline.findings).toEqual([
      {
        code: 'GQA001',
        file: 'a.yaml',
        hash: hashOf('kv_heads 3 does not divide q_heads 8'),
        count: 1,
        message: 'kv_heads 3 does not divide q_heads 8',
      },
    ]);
    const moved = reportOf([{ path: 'a.yaml', text: `# new\n${bad}` }]).diagnostics;
    expect(compareWithBaseline(moved, baseline, same)).toEqual({ known: moved, fresh: [], gone: 0 });
  });

  test('does not know another message, file, or a second finding', () => {
    const other = reportOf([{ path: 'a.yaml', text: bad.replace('3', '5') }]).diagnostics;
    expect(compareWithBaseline(other, baseline, same)).toEqual({ known: [], fresh: other, gone: 1 });
    const elsewhere = reportOf([{ path: 'b.yaml', text: bad }]).diagnostics;
    expect(compareWithBaseline(elsewhere, baseline, same).fresh).toEqual(elsewhere);
    const twice = [...diagnostics, ...diagnostics];
    expect(compareWithBaseline(twice, baseline, same)).toMatchObject({ known: diagnostics, fresh: diagnostics });
    expect(baselineOf(twice, same).findings[0]?.count).toBe(2);
  });

  test('is read back, and nothing else is', () => {
    expect(parseBaseline(JSON.stringify(baseline))).toEqual(baseline);
    const [finding] = baseline.findings;
    const others = ['', 'null', '[]', '{}', { schemaVersion: 2, findings: [] }, { schemaVersion: 1, findings: [null] }];
    for (const count of [0, -1, 1.5, '1'])
      others.push({ schemaVersion: 1, findings: [{ ...finding, count }] } as never);
    for (const other of others) {
      expect(parseBaseline(typeof other === 'string' ? other : JSON.stringify(other))).toBeUndefined();
    }
  });
});

test('hashOf is FNV-1a of 64 bits', () => {
  // From the reference tables of Fowler, Noll and Vo.
  expect([hashOf(''), hashOf('a'), hashOf('foobar')]).toEqual([
    'cbf29ce484222325',
    'af63dc4c8601ec8c',
    '85944171f73967e8',
  ]);
});

describe('gqac check', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gqac-baseline-'));
    mkdirSync(join(folder, 'specs'));
    writeFileSync(join(folder, 'specs/a.gqa.yaml'), bad);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('--write-baseline, then --baseline from any folder', () => {
    const file = join(folder, 'known.json');
    expect(gqac(['check', 'specs', '--write-baseline', 'known.json'], '', folder)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'known.json: 1 finding\n',
    });
    expect(JSON.parse(readFileSync(file, 'utf8')).findings[0].file).toBe('specs/a.gqa.yaml');
    expect(gqac(['check', join(folder, 'specs'), '--baseline', file])).toEqual({
      status: 0,
      stdout: '',
      stderr: '1 spec checked, no findings but 1 in the baseline\n',
    });
    const json = gqac(['check', '.', '--baseline', '../known.json', '--format', 'json'], '', join(folder, 'specs'));
    expect(JSON.parse(json.stdout)).toMatchObject({ diagnostics: [], summary: { errors: 0, known: 1 } });
  });

  test('what is new fails, what is gone is said', () => {
    const file = join(folder, 'known.json');
    writeFileSync(join(folder, 'specs/a.gqa.yaml'), worse.replace('kv_heads: 3', 'kv_heads: 4'));
    const { status, stderr } = gqac(['check', 'specs', '--baseline', 'known.json'], '', folder);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^1 finding of known\.json no longer found: --write-baseline updates it\nerror\[SCH001\]/);
    expect(gqac(['check', 'specs', '--baseline', file, '--write-baseline', file], '', folder).status).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8')).findings).toMatchObject([{ code: 'SCH001' }]);
  });

  test('a baseline that is missing or none exits 2', () => {
    expect(gqac(['check', 'specs', '--baseline', 'no.json'], '', folder)).toMatchObject({
      status: 2,
      stderr: 'error: no.json cannot be read: no such file, --write-baseline makes it\n',
    });
    expect(gqac(['check', 'specs', '--baseline', 'specs/a.gqa.yaml'], '', folder)).toMatchObject({
      status: 2,
      stderr: 'error: specs/a.gqa.yaml is not a baseline: --write-baseline writes a new one\n',
    });
  });
});
