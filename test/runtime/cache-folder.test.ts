import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedFolder } from '../../src/node/cache-folder.ts';

describe('cachedFolder', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'gqac-test-'));
    vi.stubEnv('GQAC_CACHE', join(root, 'cache'));
    vi.stubEnv('TMPDIR', root);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(root, { recursive: true });
  });
  const fill = (content: string) => vi.fn((folder: string) => writeFile(join(folder, 'f'), content));

  it('is filled once, however many ask', async () => {
    const folders = await Promise.all(['a', 'b', 'c'].map((content) => cachedFolder('x-1', fill(content))));
    expect(new Set(folders)).toEqual(new Set([join(root, 'cache', 'x-1')]));
    const again = fill('d');
    await cachedFolder('x-1', again);
    expect(again).not.toHaveBeenCalled();
    expect(['a', 'b', 'c']).toContain(await readFile(join(root, 'cache', 'x-1', 'f'), 'utf8'));
    expect(await readdir(join(root, 'cache'))).toEqual(['x-1']);
  });

  it('is not there when filling fails', async () => {
    const failing = async (folder: string) => {
      await writeFile(join(folder, 'half'), '');
      throw new Error('damaged');
    };
    await expect(cachedFolder('x-1', failing)).rejects.toThrow('damaged');
    expect(await readdir(join(root, 'cache'))).toEqual([]);
  });

  it('is under the temporary folder when the cache cannot be written', async () => {
    await writeFile(join(root, 'file'), '');
    vi.stubEnv('GQAC_CACHE', join(root, 'file', 'cache'));
    const folder = await cachedFolder('x-1', fill('a'));
    expect(dirname(dirname(folder))).toBe(root);
    expect(await readFile(join(folder, 'f'), 'utf8')).toBe('a');
  });
});
