import { stat } from 'node:fs/promises';
import { isObject } from '../../compiler/import/fields.ts';
import { readJson } from './json-file.ts';
import { findFiles, type PickFiles, pickSpecs } from './spec-files.ts';

/** A folder that has a spec has the config that it came from, if any, as its source: it is the same model. */
const pickModels: PickFiles = (names) => {
  const specs = pickSpecs(names);
  return specs.length > 0 ? specs : names.filter((name) => name.endsWith('.json'));
};

/** Files as they are; of folders, every spec below, and every JSON file with a `model_type` in folders without one. */
export async function findModels(paths: readonly string[]): Promise<readonly string[]> {
  const files = await findFiles(paths, pickModels);
  const given = new Set(paths);
  const models: string[] = [];
  for (const file of files) if (given.has(file) || !file.endsWith('.json') || (await isConfig(file))) models.push(file);
  return models;
}

/** Larger files are tokenizers and the like. */
const maxConfigBytes = 1 << 20;

async function isConfig(file: string): Promise<boolean> {
  if ((await stat(file)).size > maxConfigBytes) return false;
  const content = await readJson(file).catch(() => undefined);
  return isObject(content) && typeof content.model_type === 'string';
}
