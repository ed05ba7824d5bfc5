import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { register } from '../../src/cli/commands/build.ts';
import { runCommand } from './run-command.ts';

let folder = '';
let out = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-build-'));
  out = join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): string {
  const path = join(folder, file);
  writeFileSync(path, text);
  return path;
}

const spec = (name: string, heads: number) =>
  `gqac: 1\nname: ${name}\nattention: { q_heads: ${heads}, head_dim: 8, mask: { causal: true } }\n`;

const build = (...args: readonly string[]) => runCommand(register, 'build', ...args, '--target', 'baseline');

describe('the folder that gqac build writes', () => {
  it('is refused when it has the module of another spec, unless that is given up', async () => {
    await build(write('a.yaml', spec('one', 2)), '-o', out);
    const before = readdirSync(join(out, 'wgsl'));
    const other = write('b.yaml', spec('two', 3));
    await expect(build(other, '-o', out)).rejects.toThrow(
      `${out} has the module one of ../a.yaml: choose another folder with -o, or take its place with --force`,
    );
    await expect(build(other, '-o', out, '--check')).rejects.toThrow('has the module one');
    expect(readdirSync(join(out, 'wgsl'))).toEqual(before);
    await build(other, '-o', out, '--force');
    expect(readdirSync(out).sort()).toEqual(['two.manifest.json', 'two.ts', 'wgsl']);
    expect((await build(other, '-o', out, '--check')).code).toBe(0);
  });

  it('loses the module of a spec that has been renamed', async () => {
    const path = write('a.yaml', spec('one', 2));
    await build(path, '-o', out);
    write('a.yaml', spec('two', 2));
    const { code, err } = await build(path, '-o', out, '--check');
    expect([code, err]).toEqual([1, expect.stringContaining(`orphaned: ${out}/one.ts`)]);
    await build(path, '-o', out);
    expect(existsSync(join(out, 'one.ts'))).toBe(false);
    expect((await build(path, '-o', out, '--check')).code).toBe(0);
  });

  it('is up to date with other line ends, of the spec and of what was generated', async () => {
    const path = write('a.yaml', spec('one', 2));
    await build(path, '-o', out);
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file));
    expect(files.length).toBeGreaterThan(3);
    for (const file of ['a.yaml', ...files.map((one) => join('out', one))]) {
      const before = readFileSync(join(folder, file), 'utf8');
      write(file, before.replaceAll('\n', '\r\n'));
    }
    expect(await build(path, '-o', out, '--check')).toMatchObject({ code: 0, err: '' });
  });

  it('keeps what only looks like a module', async () => {
    await build(write('a.yaml', spec('one', 2)), '-o', out);
    write('out/mine.manifest.json', '{ "name": "mine" }');
    write('out/other.manifest.json', 'no JSON');
    expect((await build(join(folder, 'a.yaml'), '-o', out)).code).toBe(0);
    expect(readFileSync(join(out, 'mine.manifest.json'), 'utf8')).toContain('mine');
  });

  it('is named with the reason when it cannot be written', async () => {
    const path = write('a.yaml', spec('one', 2));
    await expect(build(path, '-o', path)).rejects.toThrow(
      `${path}/one.ts cannot be written: a file of this name is in the way`,
    );
    await expect(build(path, '-o', join(path, 'sub'))).rejects.toThrow('a part of its path is a file, not a folder');
    await expect(build(folder, '-o', out)).rejects.toThrow(`${folder} cannot be read: it is a folder`);
  });
});
