import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/compiler/diagnostics/diagnostic.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { renderGithub } from '../../src/compiler/diagnostics/render-github.ts';
import { renderJunit } from '../../src/compiler/diagnostics/render-junit.ts';
import { spanOf } from '../../src/compiler/source/positions.ts';
import { gqac, reportOf } from './helpers.ts';

const bad = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64');
const warned = attention('q_heads: 8', 'head_dim: 64', 'normalizer: sigmoid', 'sinks: true');
const good = attention('q_heads: 8', 'head_dim: 64');

/** A finding whose every word would break a careless format. */
function hostile(path: string): Diagnostic {
  const file = { path, text: 'a: 1\nb: 2\nc: 3\n' };
  return {
    code: 'GQA001',
    slug: 'kv-heads-not-divisor',
    severity: 'error',
    message: '100%\r\n::error::<b> & "quoted" \'x\' ]]> \u001b[31m\ud800\u0000',
    span: spanOf(file, 0, 8),
    notes: [],
    fixes: [],
  };
}

describe('GitHub annotations', () => {
  test('have file, lines, columns and title; the end column is the last one marked', () => {
    const { diagnostics } = reportOf([{ path: 'a.yaml', text: bad }]);
    expect(renderGithub(diagnostics)).toBe(
      '::error file=a.yaml,line=5,endLine=5,col=13,endColumn=13,title=GQA001 kv-heads-not-divisor::kv_heads 3 does not divide q_heads 8%0Ahelp: use 1, 2, 4 or 8\n',
    );
  });

  test('severities are the three commands', () => {
    const one = hostile('a.yaml');
    const all = (['error', 'warning', 'info'] as const).map((severity) => ({ ...one, severity }));
    expect(renderGithub(all).match(/^::\w+/gm)).toEqual(['::error', '::warning', '::notice']);
  });

  test('one line each, whatever the text; no columns over several lines', () => {
    const text = renderGithub([hostile('a,b:c%.yaml')]);
    expect(text).toBe(
      '::error file=a%2Cb%3Ac%25.yaml,line=1,endLine=2,col=1,title=GQA001 kv-heads-not-divisor::' +
        '100%25%0D%0A::error::<b> & "quoted" \'x\' ]]> \ufffd[31m\ud800\ufffd\n',
    );
  });
});

describe('JUnit', () => {
  test('a suite for each file, warnings pass unless they fail the run', () => {
    const files = [
      { path: 'bad.yaml', text: bad },
      { path: 'good.yaml', text: good },
      { path: 'warned.yaml', text: warned },
    ];
    const lenient = parseXml(renderJunit(reportOf(files)));
    expect(lenient.slice(0, 2)).toEqual([
      ['testsuites', { name: 'gqac', tests: '3', failures: '1', errors: '0' }],
      ['testsuite', { name: 'bad.yaml', tests: '1', failures: '1', errors: '0', skipped: '0' }],
    ]);
    expect(lenient.filter(([name]) => name === 'testcase').map(([, { name }]) => name)).toEqual([
      'GQA001 kv-heads-not-divisor (5:13)',
      'no findings',
      expect.stringMatching(/^OPT002 /),
    ]);
    expect(lenient.filter(([name]) => name === 'system-out')).toHaveLength(1);
    const strict = parseXml(renderJunit(reportOf(files, { warningsFail: true })));
    expect(strict[0]).toEqual(['testsuites', { name: 'gqac', tests: '3', failures: '2', errors: '0' }]);
  });

  test('is well-formed, whatever the text', () => {
    const report = { ...reportOf([]), files: ['a&<"\'>.yaml'], diagnostics: [hostile('a&<"\'>.yaml')] };
    const tags = parseXml(renderJunit(report));
    expect(tags.find(([name]) => name === 'failure')?.[1]).toMatchObject({
      type: 'GQA001',
      message: expect.stringContaining('100%'),
    });
    expect(tags.find(([name]) => name === 'testsuite')?.[1].name).toBe('a&<"\'>.yaml');
  });
});

/** Opening tags in order; throws for what is not well-formed, as far as these files go. */
function parseXml(xml: string): readonly (readonly [name: string, attributes: Readonly<Record<string, string>>])[] {
  expect(xml).not.toMatch(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
  const tags: [string, Record<string, string>][] = [];
  const open: string[] = [];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  expect(body).not.toBe(xml);
  const token = /<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>|[^<]+/gy;
  let end = 0;
  for (const match of body.matchAll(token)) {
    end = match.index + match[0].length;
    expect(match[0]).not.toMatch(/&(?!(amp|lt|gt|quot|apos);)/);
    const [, closing, name, attributes = '', empty] = match;
    if (name === undefined) continue;
    if (closing) expect(open.pop()).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        decoded(value),
      ]);
      tags.push([name, Object.fromEntries(pairs)]);
      if (!empty) open.push(name);
    }
  }
  expect([end, open]).toEqual([body.length, []]);
  return tags;
}

function decoded(text: string): string {
  const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(\w+);/g, (_, name: string) => characters[name] ?? '');
}

test('every format goes to standard output, and the exit code is the same', () => {
  for (const format of ['json', 'sarif', 'github', 'junit']) {
    const { status, stdout, stderr } = gqac(['check', '-', '--format', format], bad);
    expect([format, status, stderr]).toEqual([format, 1, '']);
    expect(stdout).toContain('GQA001');
  }
  expect(gqac(['check', '-', '--format', 'xml'], bad)).toMatchObject({
    status: 2,
    stderr: 'error: --format xml is not known: use one of human, json, sarif, github, junit\n',
  });
});
