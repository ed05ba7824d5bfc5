import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../frontend/helpers.ts';

const loader = createRequire(import.meta.url).resolve('tsx');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-fmt-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gqac(args: readonly string[], input = '', cwd = root) {
  const command = ['--import', pathToFileURL(loader).href, join(root, 'src/cli/main.ts'), ...args];
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd, input, encoding: 'utf8', env });
  return { status, stdout, stderr };
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const loose = 'gqac 1 name demo # mine\nattention{q_heads 8 one_kv_head head_dim 64 mask{causal}}\n';
const canonical =
  'gqac 1\nname demo # mine\nattention {\n  q_heads 8\n  one_kv_head\n  head_dim 64\n  mask { causal }\n}\n';
const yaml =
  'gqac: 1\nname: demo # mine\nattention:\n  q_heads: 8\n  one_kv_head: true\n  head_dim: 64\n  mask: { causal: true }\n';

describe('gqac fmt', () => {
  test('formats files in place, keeps their mode, and is then done', () => {
    const path = write('loose.gqa', loose);
    chmodSync(path, 0o640);
    const link = join(folder, 'link.gqa');
    symlinkSync(path, link);
    expect(gqac(['fmt', link])).toEqual({ status: 0, stdout: `${link}\n`, stderr: '1 spec, 1 formatted\n' });
    expect(readFileSync(path, 'utf8')).toBe(canonical);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(gqac(['fmt', path])).toEqual({ status: 0, stdout: '', stderr: '1 spec, 0 formatted\n' });
  });

  test('keeps the line ends of a file', () => {
    const crlf = (text: string) => text.replaceAll('\n', '\r\n');
    const path = write('windows.gqa', crlf(loose));
    expect(gqac(['fmt', path]).stdout).toBe(`${path}\n`);
    expect(readFileSync(path, 'utf8')).toBe(crlf(canonical));
    expect(gqac(['fmt', '--check', write('windows.yaml', crlf(yaml))])).toMatchObject({ status: 0, stdout: '' });
  });

  test('--check lists what would change, of folders too, and writes nothing', () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    writeFileSync(join(inner, 'a.gqa'), loose);
    writeFileSync(join(inner, 'b.gqa'), canonical);
    writeFileSync(join(inner, 'spec.yaml'), yaml.replace('8', '  8'));
    expect(gqac(['fmt', '--check'], '', inner)).toEqual({
      status: 1,
      stdout: 'a.gqa\nspec.yaml\n',
      stderr: '3 specs, 2 would change\n',
    });
    expect(readFileSync(join(inner, 'a.gqa'), 'utf8')).toBe(loose);
  });

  test('the examples are in canonical form', () => {
    expect(gqac(['fmt', '--check', 'examples']).status).toBe(0);
  });

  test('a malformed spec is reported and left alone; the others are formatted', () => {
    const broken = write('broken.gqa', 'gqac 1 name { x\n');
    const other = write('other.gqa', loose);
    const { status, stdout, stderr } = gqac(['fmt', broken, other]);
    expect([status, stdout]).toEqual([1, `${other}\n`]);
    expect(stderr).toContain('error[SYN001]: this `{` is never closed\n');
    expect(stderr).toContain('2 specs, 1 formatted, 1 not formatted\n');
    expect(readFileSync(broken, 'utf8')).toBe('gqac 1 name { x\n');
  });

  test('anchors are left alone, and written out on request', () => {
    const text = 'gqac: 1\nname: &n demo\nx: *n\n';
    const path = write('anchors.gqa.yaml', text);
    const { status, stderr } = gqac(['fmt', path]);
    expect([status, readFileSync(path, 'utf8')]).toEqual([1, text]);
    expect(stderr).toContain('not formatted: its anchors would be written out');
    expect(gqac(['fmt', '--to', 'yaml', path]).stdout).toBe('gqac: 1\nname: demo\nx: demo\n');
  });

  test('standard input goes to standard output, in the syntax that it is in', () => {
    expect(gqac(['fmt', '-'], loose)).toEqual({ status: 0, stdout: canonical, stderr: '' });
    expect(gqac(['fmt', '--stdin'], yaml)).toMatchObject({ status: 0, stdout: yaml });
    expect(gqac(['fmt', '--stdin', '--syntax', 'yaml'], loose).status).toBe(1);
    expect(gqac(['fmt', '--stdin', '--check'], loose)).toMatchObject({ status: 1, stdout: '-\n' });
  });

  test('--to converts, to standard output or a new file', () => {
    expect(gqac(['fmt', '--to', 'yaml', '-'], loose)).toEqual({ status: 0, stdout: yaml, stderr: '' });
    const source = write('spec.yaml', yaml);
    const target = join(folder, 'converted.gqa');
    expect(gqac(['fmt', '--to', 'dsl', '-o', target, source])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(target, 'utf8')).toBe(canonical);
    const again = gqac(['fmt', '--to', 'dsl', '-o', target, source]);
    expect([again.status, again.stderr]).toEqual([
      2,
      `error: ${target} exists: give another name, or --force to overwrite it\n`,
    ]);
    expect(gqac(['fmt', '--to', 'dsl', '-o', target, '--force', source]).status).toBe(0);
  });

  test.each([
    [['fmt', '--to', 'json', 'x.gqa'], '--to json is not known: use yaml or dsl'],
    [
      ['fmt', '--to', 'dsl', 'examples/shakespeare-xt-mem-mqa', 'examples/shakespeare-minimind-gqa'],
      '--to converts one spec, there are 2',
    ],
    [['fmt', '-o', 'x', 'examples'], '-o goes with --to'],
    [['fmt', '--stdin', 'x.gqa'], '--stdin goes without paths'],
    [['fmt', 'missing.gqa'], 'missing.gqa cannot be read: no such file'],
    [['fmt', 'docs'], 'no spec.yaml, *.gqa.yaml or *.gqa below docs'],
  ])('%j is refused', (args, message) => {
    expect(gqac(args)).toEqual({ status: 2, stdout: '', stderr: `error: ${message}\n` });
  });
});

describe('.gqa files elsewhere', () => {
  test('check finds them in folders, and underlines them', () => {
    const inner = join(folder, 'specs');
    mkdirSync(inner);
    writeFileSync(join(inner, 'good.gqa'), canonical);
    expect(gqac(['check', inner])).toMatchObject({ status: 0, stderr: '1 spec checked, no findings\n' });
    const { status, stderr } = gqac(['check', '-'], canonical.replace('q_heads 8', 'q_heads 8 kv_heads 3'));
    expect(status).toBe(1);
    expect(stderr).toContain('--> <stdin>:4:');
  });

  test('build compiles one to the module of its YAML twin', () => {
    const dsl = gqac(['build', '-o', join(folder, 'dsl'), write('twin.gqa', canonical)]);
    const twin = gqac(['build', '-o', join(folder, 'yaml'), write('twin.gqa.yaml', yaml)]);
    expect([dsl.status, twin.status]).toEqual([0, 0]);
    const text = (name: string) =>
      readFileSync(join(folder, name, 'demo.ts'), 'utf8')
        .split('\n')
        .filter((line) => !/twin\.gqa|[0-9a-f]{64}/.test(line));
    expect(text('dsl')).toEqual(text('yaml'));
  });

  test('inspect reads one from standard input', () => {
    expect(JSON.parse(gqac(['inspect', '--format', 'json', '-'], loose).stdout)).toMatchObject({ name: 'demo' });
    const { status, stderr } = gqac(['inspect', '--syntax', 'toml', '-'], loose);
    expect([status, stderr]).toEqual([2, 'error: --syntax toml is not known: use yaml or dsl\n']);
  });
});
