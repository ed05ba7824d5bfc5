import type { ByteSource } from './byte-source.ts';
import { CheckpointError, formatBytes } from './errors.ts';

const maxIndexBytes = 32 * 1024 * 1024;
const maxTensors = 100_000;
/** Every shard is an open file. */
const maxShards = 1000;

/**
 * Where a sharded checkpoint's tensors are: the `weight_map` of `model.safetensors.index.json`, from the name of a tensor to the file
 * beside the index that has it.
 * @throws CheckpointError when the index is no such thing, or names a file that is not beside it or below.
 */
export async function readShardIndex(source: ByteSource): Promise<ReadonlyMap<string, string>> {
  const { name, size } = source;
  if (size > maxIndexBytes) throw new CheckpointError(name, `${formatBytes(size)} are too many for an index of shards`);
  const shards = shardsIn(name, parse(name, await source.read(0, size)));
  if (shards.size === 0) throw new CheckpointError(name, 'its weight_map names no tensor');
  if (shards.size > maxTensors) throw new CheckpointError(name, `its weight_map has more than ${maxTensors} tensors`);
  const files = new Set(shards.values());
  if (files.size > maxShards) throw new CheckpointError(name, `its weight_map has more than ${maxShards} files`);
  return shards;
}

function parse(name: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new CheckpointError(name, 'it is not JSON: this is no index of shards, or it is damaged');
  }
}

function shardsIn(name: string, index: unknown): ReadonlyMap<string, string> {
  const map = isObject(index) ? index.weight_map : undefined;
  if (!isObject(map)) throw new CheckpointError(name, 'it has no weight_map from tensors to files');
  const shards = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !isBeside(file))
      throw new CheckpointError(name, 'its file is not the name of a .safetensors file beside the index', tensor);
    shards.set(tensor, file);
  }
  return shards;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An index may come from a stranger: no way leads out of its folder. */
function isBeside(file: string): boolean {
  const steps = file.split('/');
  return /^[^\\:]{1,1000}\.safetensors$/.test(file) && !steps.includes('..') && steps[0] !== '' && !hasControl(file);
}

function hasControl(text: string): boolean {
  return [...text].some((character) => character < ' ');
}
