import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generatedMark } from '../../compiler/emit-ts/origin.ts';
import { isObject } from '../../compiler/import/fields.ts';

/** A module that was generated into a folder, as its manifest tells. */
export interface OtherModule {
  readonly name: string;
  /** Its spec, as seen from the folder. */
  readonly specPath: string;
  /** Files that it may have, beside its kernels. */
  readonly paths: readonly string[];
}

const ending = '.manifest.json';

/** Modules in the folder that are not called `name`. */
export async function otherModulesIn(folder: string, name: string): Promise<readonly OtherModule[]> {
  const present = await readdir(folder).catch(() => []);
  const names = present.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
  const found = await Promise.all(names.filter((other) => other !== name).map((other) => moduleIn(folder, other)));
  return found.filter((other) => other !== undefined);
}

async function moduleIn(folder: string, name: string): Promise<OtherModule | undefined> {
  const manifest = await readManifest(join(folder, name + ending));
  if (!isObject(manifest) || !String(manifest.generated).startsWith(generatedMark)) return undefined;
  const path = isObject(manifest.spec) ? manifest.spec.path : undefined;
  return { name, specPath: String(path), paths: ['.ts', '.js', '.d.ts', ending].map((suffix) => name + suffix) };
}

/** Undefined for what is no JSON: such a file is not ours. */
async function readManifest(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
