import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ByteSource } from '../runtime/abi1/byte-source.ts';
import { CheckpointError } from '../runtime/abi1/errors.ts';
import { SafetensorsFile } from '../runtime/abi1/safetensors.ts';
import { openFile } from './file-source.ts';

/** The names of a large model's tensors are some megabytes. */
const maxIndexBytes = 64 * 1024 * 1024;

/**
 * Opens a `.safetensors` file, or by its index (`….safetensors.index.json`) a checkpoint of several, which lie beside it.
 * @throws CheckpointError when one cannot be read, or does not have the tensors that the index says.
 */
export async function openCheckpoint(path: string): Promise<SafetensorsFile> {
  return path.endsWith('.json') ? openSharded(path) : SafetensorsFile.open(await openFile(path));
}

async function openSharded(path: string): Promise<SafetensorsFile> {
  const shardOf = await readIndex(path);
  const names = [...new Set(shardOf.values())].sort();
  const file = await SafetensorsFile.openShards(path, await openAll(names.map((name) => join(dirname(path), name))));
  const missing = [...shardOf.keys()].find((tensor) => !file.tensors.has(tensor));
  if (missing === undefined) return file;
  await file.close();
  throw new CheckpointError(path, `is in no shard, the index says in ${shardOf.get(missing)}`, missing);
}

/** Tensor names and the files that have them. */
async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const index = await readJson(path);
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined;
  if (typeof map !== 'object' || map === null)
    throw new CheckpointError(path, 'has no weight_map: it is not the index of a sharded checkpoint');
  const entries = Object.entries(map);
  if (entries.length === 0) throw new CheckpointError(path, 'its weight_map is empty');
  for (const [tensor, file] of entries) {
    // An index comes from elsewhere: it may not lead out of its folder.
    if (typeof file !== 'string' || file !== basename(file) || !file.endsWith('.safetensors') || file.includes('\\'))
      throw new CheckpointError(path, `its shard ${JSON.stringify(file)} is not a .safetensors file beside it`, tensor);
  }
  return new Map(entries);
}

async function readJson(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > maxIndexBytes) throw new Error(`it has ${size} bytes, an index has at most ${maxIndexBytes}`);
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(path, `cannot be read as the index of a checkpoint: ${reason}`);
  }
}

async function openAll(paths: readonly string[]): Promise<readonly ByteSource[]> {
  const opened: ByteSource[] = [];
  try {
    for (const path of paths) opened.push(await openFile(path));
    return opened;
  } catch (error) {
    await Promise.all(opened.map((source) => source.close()));
    throw error;
  }
}
