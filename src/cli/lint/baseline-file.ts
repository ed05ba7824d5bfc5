import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import {
  type BaselineComparison,
  baselineOf,
  compareWithBaseline,
  parseBaseline,
} from '../../compiler/diagnostics/baseline.ts';
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import { fileReason } from '../files/file-errors.ts';
import { replaceFile } from '../files/replace-file.ts';
import { InputError } from '../output.ts';

/** @throws InputError when the file cannot be read, or is no baseline. */
export async function compareWithFile(path: string, diagnostics: readonly Diagnostic[]): Promise<BaselineComparison> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'no such file, --write-baseline makes it' : fileReason(error);
    throw new InputError(`${path} cannot be read: ${reason}`);
  });
  const baseline = parseBaseline(text);
  if (baseline === undefined) throw new InputError(`${path} is not a baseline: --write-baseline writes a new one`);
  return compareWithBaseline(diagnostics, baseline, namesBeside(path));
}

/** @returns how many findings were written. */
export async function writeBaseline(path: string, diagnostics: readonly Diagnostic[]): Promise<void> {
  await replaceFile(path, `${JSON.stringify(baselineOf(diagnostics, namesBeside(path)), null, 2)}\n`);
}

/** The same from every working directory and on every system. */
function namesBeside(baseline: string): (path: string) => string {
  const folder = dirname(resolve(baseline));
  return (path) => (path === '<stdin>' ? path : relative(folder, resolve(path)).split(sep).join('/'));
}
