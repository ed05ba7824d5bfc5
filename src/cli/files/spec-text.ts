import { open } from 'node:fs/promises';
import type { SourceFile } from '../../compiler/source/source.ts';
import { InputError } from '../output.ts';
import { fileReason } from './file-errors.ts';

/** Far above what the checker accepts (SYN003), so that it is the checker that says so. */
const readAtMost = 1 << 20;

/** The text of a spec. @throws InputError when it cannot be read. */
export async function readSource(path: string): Promise<SourceFile> {
  const bytes = path === '-' ? await readStandardInput() : await readFileUpTo(path);
  try {
    return { path: path === '-' ? '<stdin>' : path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw new InputError(`${path} is not UTF-8 text`);
  }
}

async function readFileUpTo(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > readAtMost) throw tooLarge(path);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readStandardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += chunk.length;
    if (size > readAtMost) throw tooLarge('standard input');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(path: string): InputError {
  return new InputError(`${path} is larger than 1 MiB: a spec has at most 256 KiB`);
}

/** Why a file cannot be read, `path` first. */
export function unreadable(path: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  return new InputError(`${path} cannot be read: ${fileReason(error)}`);
}
