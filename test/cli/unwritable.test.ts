import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeNew, writeNewByParts } from '../../src/cli/files/replace-file.ts';
import { CheckpointError } from '../../src/runtime/abi1/errors.ts';
import { root } from '../frontend/helpers.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-full-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it.skipIf(!existsSync('/proc/self'))('a folder that cannot be made is said, and not tried for ever', async () => {
  await expect(writeNew('/proc/gqac/spec.yaml', '', false)).rejects.toThrow(
    '/proc/gqac/spec.yaml cannot be written: no such file',
  );
  const path = join(folder, 'a', 'b', 'spec.yaml');
  await Promise.all([writeNew(path, 'one', true), writeNew(join(folder, 'a', 'b', 'other.yaml'), 'two', true)]);
  expect(readdirSync(join(folder, 'a', 'b')).sort()).toEqual(['other.yaml', 'spec.yaml']);
});

describe('a full disk', () => {
  it('is said of a file that is written by parts, of which nothing stays', async () => {
    const path = join(folder, 'model.safetensors');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    const write = writeNewByParts(path, () => Promise.reject(full), false);
    await expect(write).rejects.toThrow(`${path} cannot be written: no space left on the device`);
    const other = new CheckpointError('a.safetensors', 'is cut short');
    await expect(writeNewByParts(path, () => Promise.reject(other), false)).rejects.toBe(other);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(!existsSync('/dev/full'))('under standard output is no finding, and no stack', () => {
    const output = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(root, 'src/cli/main.ts'), 'rules'],
      { cwd: root, stdio: ['ignore', output, 'pipe'], encoding: 'utf8' },
    );
    closeSync(output);
    expect([status, stderr]).toEqual([2, 'error: the output cannot be written: no space left on the device\n']);
  });
});
