import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from '../runtime/abi1/errors.ts';
import type { TarEntry } from './tar.ts';

/**
 * A folder that `fill` makes once for all processes: the finished folder is renamed into place, so that whoever sees it sees
 * it whole. `name` must tell the version of the content.
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const roots = [preferredRoot(), join(tmpdir(), `gqac-${userInfo().uid}`)];
  const failures: string[] = [];
  for (const root of roots) {
    try {
      await mkdir(root, { recursive: true, mode: 0o700 });
      await refuseForeign(root);
    } catch (error) {
      failures.push(messageOf(error));
      continue;
    }
    const folder = join(root, name);
    if (await isFolder(folder)) return folder;
    const temporary = join(root, `.${name}.${process.pid}.${randomBytes(6).toString('hex')}`);
    try {
      await mkdir(temporary);
      await fill(temporary);
      await rename(temporary, folder);
      return folder;
    } catch (error) {
      // Another process may have been first; its folder is as good.
      if (await isFolder(folder)) return folder;
      if (!isUnwritable(error)) throw error;
      failures.push(messageOf(error));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  throw new UsageError(
    `no folder to unpack ${name} into (${failures.join('; ')}): set GQAC_CACHE to a writable folder`,
  );
}

export async function writeTarEntries(entries: readonly TarEntry[], folder: string): Promise<void> {
  for (const { path, kind, executable, data } of entries) {
    const target = join(folder, path);
    await mkdir(kind === 'folder' ? target : dirname(target), { recursive: true });
    if (kind === 'file') await writeFile(target, data, { mode: executable ? 0o755 : 0o644, flag: 'wx' });
  }
}

function preferredRoot(): string {
  const own = process.env.GQAC_CACHE;
  if (own) return own;
  const shared = process.env.XDG_CACHE_HOME;
  return join(shared ? shared : join(homedir(), '.cache'), 'gqac');
}

/** Libraries are loaded from here: a folder that another user made, in /tmp say, must not serve. */
async function refuseForeign(root: string): Promise<void> {
  const owner = (await stat(root)).uid;
  const { uid } = userInfo();
  if (uid < 0 || owner === uid || owner === 0) return;
  throw new Error(`${root} belongs to another user`);
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isUnwritable(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOSPC' || code === 'EDQUOT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
