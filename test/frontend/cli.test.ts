import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { root } from './helpers.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-check-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gqac(args: readonly string[], input = ''): Outcome {
  const command = ['--import', 'tsx', join(root, 'src/cli/main.ts'), ...args];
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, input, encoding: 'utf8', env });
  return { status, stdout, stderr };
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const good = attention('q_heads: 8', 'head_dim: 64');
const bad = attention('q_heads: 8', 'one_kv_head: true', 'head_dim: 64', 'memory_kv: { slots: 4, heads: 8 }');
const warned = attention('q_heads: 8', 'head_dim: 64', 'memory_kv: { slots: 4, normalized: true }');

describe('gqac check', () => {
  test('finds the specs of a folder, reads their checkpoints, and is clean', () => {
    const { status, stdout, stderr } = gqac(['check', 'examples']);
    expect([status, stdout]).toEqual([0, '']);
    const specs = 2 + readdirSync('examples/models').length;
    expect(stderr).toBe(`${specs} specs checked, no findings\n`);
  });

  test('findings go to stderr, without colours, and exit 1', () => {
    const { status, stdout, stderr } = gqac(['check', write('bad.gqa.yaml', bad)]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('error[MEM001]: memory keys have 8 heads, the attention has 1 KV head\n');
    expect(stderr).toContain('one_kv_head: true');
    expect(stderr).not.toContain('\u001b');
  });

  test('JSON goes to stdout', () => {
    const { status, stdout, stderr } = gqac(
      ['check', '--format', 'json', '-'],
      attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64'),
    );
    expect([status, stderr]).toEqual([1, '']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schemaVersion: 1, summary: { errors: 1, files: 1 } });
    expect(report.diagnostics[0]).toMatchObject({ code: 'GQA001', file: '<stdin>', help: 'use 1, 2, 4 or 8' });
  });

  test('warnings fail above --max-warnings only', () => {
    const path = write('warned.gqa.yaml', warned);
    expect(gqac(['check', path]).status).toBe(0);
    expect(gqac(['check', path, '--max-warnings', '0']).status).toBe(1);
  });

  test('a checkpoint named on the command line is compared', () => {
    const { status, stderr } = gqac([
      'check',
      write('good.gqa.yaml', good),
      '--weights',
      'examples/shakespeare-minimind-gqa/model.safetensors',
    ]);
    expect(status).toBe(0);
    expect(stderr).toContain('warning[WGT004]: 46 tensors of the checkpoint are not used');
  });

  test('input that cannot be read exits 2, and says which', () => {
    expect(gqac(['check', 'no-such.yaml'])).toMatchObject({
      status: 2,
      stderr: 'error: no-such.yaml cannot be read: no such file\n',
    });
    const latin = join(folder, 'latin.gqa.yaml');
    writeFileSync(latin, Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    expect(gqac(['check', latin])).toMatchObject({ status: 2, stderr: `error: ${latin} is not UTF-8 text\n` });
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect(gqac(['check', empty])).toMatchObject({ status: 2 });
  });

  test('a truncated checkpoint is refused by name', () => {
    const copy = join(folder, 'truncated');
    cpSync(join(root, 'examples/shakespeare-minimind-gqa'), copy, { recursive: true });
    truncateSync(join(copy, 'model.safetensors'), 1_000_000);
    const { status, stderr } = gqac(['check', copy]);
    expect(status).toBe(2);
    expect(stderr).toContain(join(copy, 'model.safetensors'));
  });

  test('a checkpoint that is a link out of the folder is refused', () => {
    const linked = join(folder, 'linked');
    mkdirSync(linked);
    writeFileSync(join(linked, 'spec.yaml'), `${good}weights: { file: model.safetensors }\n`);
    symlinkSync(join(root, 'examples/shakespeare-minimind-gqa/model.safetensors'), join(linked, 'model.safetensors'));
    expect(gqac(['check', linked])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is a link out of the folder'),
    });
  });

  test('usage errors exit 2', () => {
    expect(gqac(['chek'])).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean check?') });
    expect(gqac(['check', '-', '--format', 'xml'], good)).toMatchObject({ status: 2 });
    expect(gqac(['check', '-', '--max-warnings', 'few'], good)).toMatchObject({ status: 2 });
  });
});

test('gqac explain prints the page of a code', () => {
  const { status, stdout } = gqac(['explain', 'mem001']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^# MEM001: memory-head-count \(error\)/);
  expect(gqac(['explain', 'MEM01'])).toMatchObject({
    status: 2,
    stderr: 'error: no diagnostic MEM01: did you mean MEM001?\n',
  });
});

test('gqac rules lists every code', () => {
  const { status, stdout } = gqac(['rules', '--format', 'json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout).rules).toContainEqual(
    expect.objectContaining({ code: 'GQA001', slug: 'kv-heads-not-divisor', severity: 'error' }),
  );
});
