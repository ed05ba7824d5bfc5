import { readFile, stat } from 'node:fs/promises';
import { InputError } from './output.ts';

/** Configs are kilobytes and tokenizers megabytes; what is larger is something else. */
const maxBytes = 64 * 1024 * 1024;

/** @throws InputError when the file cannot be read, or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  const value = await readJsonIfThere(path);
  if (value === undefined) throw new InputError(`${path} cannot be read: no such file`);
  return value;
}

/** Undefined without the file. @throws InputError as `readJson` otherwise. */
export async function readJsonIfThere(path: string): Promise<unknown> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path} is not JSON: ${reasonOf(error)}`);
  }
}

/** Undefined without the file. @throws InputError when it is there and cannot be read. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new Error(`it has ${size} bytes, the most read is ${maxBytes}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new InputError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
