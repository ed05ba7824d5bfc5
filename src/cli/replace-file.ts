import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { InputError } from './output.ts';

/**
 * Gives a file a new text under its old mode: written beside it first, so that an interrupted run leaves no half of a file. Of a
 * link, the target is replaced.
 * @throws InputError when it cannot be written.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  let temporary: string | undefined;
  try {
    const target = await realpath(path).catch(() => path);
    const mode = await stat(target).then(
      (found) => found.mode & 0o777,
      () => 0o666,
    );
    temporary = `${target}.${process.pid}.tmp`;
    await writeFile(temporary, text, { flag: 'wx', mode });
    await rename(temporary, target);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true });
    throw new InputError(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
