import { readFile, stat } from 'node:fs/promises';
import { InputError } from '../output.ts';
import { fileReason, jsonReason } from './file-errors.ts';

/** Configs are kilobytes and tokenizers megabytes; what is larger is something else. */
const maxBytes = 64 * 1024 * 1024;

/** @throws InputError when the file cannot be read, is larger than `atMost` bytes, or is not JSON. */
export async function readJson(path: string, atMost = maxBytes): Promise<unknown> {
  const value = await readJsonIfThere(path, atMost);
  if (value === undefined) throw new InputError(`${path} cannot be read: no such file`);
  return value;
}

/** Undefined without the file. @throws InputError as `readJson` otherwise. */
export async function readJsonIfThere(path: string, atMost = maxBytes): Promise<unknown> {
  const text = await readTextIfThere(path, atMost);
  return text === undefined ? undefined : parseJson(path, text);
}

/** @throws InputError when the text of the file is not JSON. */
export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/u, ''));
  } catch (error) {
    throw new InputError(`${path} is not JSON: ${jsonReason(error)}`);
  }
}

/** Undefined without the file. @throws InputError when it is there and cannot be read. */
export async function readTextIfThere(path: string, atMost = maxBytes): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > atMost) throw new Error(`it has ${size} bytes, the most read is ${atMost}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new InputError(`${path} cannot be read: ${fileReason(error)}`);
  }
}
