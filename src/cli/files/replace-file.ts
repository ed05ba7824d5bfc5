import { type FileHandle, lstat, mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../output.ts';
import { fileReason } from './file-errors.ts';

/**
 * Gives a file of the user's a new text under its old mode. Of a link, the target is replaced.
 * @throws InputError when it cannot be written.
 */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  await writable(path, async () => {
    const target = await realpath(path).catch(() => path);
    const mode = await stat(target).then(
      (found) => found.mode & 0o777,
      () => 0o666,
    );
    await writeWhole(target, text, mode);
  });
}

/**
 * Writes a file of ours, and the folders that it lies in. Of a link, the link is replaced: what it leads to is somebody else's.
 * @throws InputError when it cannot be written.
 */
export async function replaceOwn(path: string, text: string | Uint8Array): Promise<void> {
  await writable(path, async () => {
    await makeFolder(dirname(path));
    await writeWhole(path, text, 0o666);
  });
}

/** As `replaceOwn`. @throws InputError too when something of this name is there, unless `force`. */
export async function writeNew(path: string, text: string | Uint8Array, force: boolean): Promise<void> {
  await refuseExisting(path, force);
  await replaceOwn(path, text);
}

/** As `writeNew`, for what is too large to be held: `write` gets the open file. */
export async function writeNewByParts(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
  force: boolean,
): Promise<void> {
  await refuseExisting(path, force);
  const handle = await writable(path, async () => {
    await makeFolder(dirname(path));
    return open(temporaryOf(path), 'wx');
  });
  try {
    await writable(path, () => write(handle).finally(() => handle.close()));
    await writable(path, () => rename(temporaryOf(path), path));
  } catch (error) {
    await rm(temporaryOf(path), { force: true });
    throw error;
  }
}

async function refuseExisting(path: string, force: boolean): Promise<void> {
  const exists = await lstat(path).then(
    () => true,
    () => false,
  );
  if (exists && !force) throw new InputError(`${path} exists: give another name, or --force to overwrite it`);
}

/** Not by mkdir's `recursive`: Node tries for ever where a system has the parent and refuses the folder, as /proc does. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (await isFolder(path)) return;
    if (code !== 'ENOENT' || path === dirname(path)) throw error;
    await makeFolder(dirname(path));
    await mkdir(path).catch(async (again: unknown) => {
      if (!(await isFolder(path))) throw again;
    });
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

const temporaryOf = (path: string) => `${path}.${process.pid}.tmp`;

/** Beside it first, so that an interrupted run leaves no half of a file. */
async function writeWhole(path: string, text: string | Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await writeFile(temporary, text, { flag: 'wx', mode });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writable<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw isOfSystem(error) ? new InputError(`${path} cannot be written: ${fileReason(error)}`) : error;
  }
}

/** What else is thrown on the way is about something else, such as the file that is read. */
const isOfSystem = (error: unknown): boolean => error instanceof Error && 'syscall' in error;
