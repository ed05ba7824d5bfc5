import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isObject } from '../../src/compiler/import/fields.ts';

/** A folder with a `case.json`. */
export interface CaseFolder {
  readonly folder: string;
  readonly family: string;
  readonly name: string;
  readonly json: Readonly<Record<string, unknown>>;
  /** Why `case.json` could not be read; `json` is empty then. */
  readonly problem?: string;
}

/** Every case in or below `root`, by family and name. `filters` are substrings of `family/name`; one that matches is enough. */
export async function findCases(root: string, filters: readonly string[] = []): Promise<readonly CaseFolder[]> {
  const folders: string[] = [];
  await collect(resolve(root), folders);
  const cases = await Promise.all(folders.map(readCase));
  return cases
    .filter((found) => filters.length === 0 || filters.some((text) => caseId(found).includes(text)))
    .sort((a, b) => (caseId(a) < caseId(b) ? -1 : 1));
}

export const caseId = ({ family, name }: Pick<CaseFolder, 'family' | 'name'>) => `${family}/${name}`;

async function collect(folder: string, found: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.name === 'case.json')) found.push(folder);
  for (const entry of entries) {
    if (entry.isDirectory()) await collect(join(folder, entry.name), found);
  }
}

async function readCase(folder: string): Promise<CaseFolder> {
  const { json, ...problem } = await readJson(join(folder, 'case.json'));
  const text = (key: string, fallback: string) => (typeof json[key] === 'string' ? json[key] : fallback);
  return {
    folder,
    json,
    family: text('family', basename(dirname(folder))),
    name: text('name', basename(folder)),
    ...problem,
  };
}

async function readJson(path: string): Promise<Pick<CaseFolder, 'json' | 'problem'>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isObject(json) ? { json } : { json: {}, problem: 'case.json is not an object' };
  } catch (error) {
    return { json: {}, problem: `case.json cannot be read: ${error instanceof Error ? error.message : error}` };
  }
}
