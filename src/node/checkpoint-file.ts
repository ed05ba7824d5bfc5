import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteSource } from '../runtime/abi1/byte-source.ts';
import type { Checkpoint, TensorInfo } from '../runtime/abi1/checkpoint.ts';
import { CheckpointError } from '../runtime/abi1/errors.ts';
import { checkOptions, type OptionNames } from '../runtime/abi1/option-names.ts';
import { SafetensorsFile } from '../runtime/abi1/safetensors.ts';
import { closeShards, openShards, ShardedCheckpoint, type ShardFault } from '../runtime/abi1/sharded-checkpoint.ts';
import { openFile } from './file-source.ts';
import { isInside } from './inside-folder.ts';
import { pathOf } from './path-of.ts';

/** What a folder's checkpoint is called, in the order in which it is looked for. */
const namesInFolder = ['model.safetensors', 'model.safetensors.index.json'];

export interface CheckpointOptions {
  /** A folder that links of shards must not lead out of, for a checkpoint that somebody else named. */
  readonly within?: string;
}

const checkpointOptions: OptionNames<CheckpointOptions> = { within: true };

/**
 * Opens a checkpoint: a `.safetensors` file, the `….index.json` of a sharded one, or a folder with `model.safetensors` or
 * `model.safetensors.index.json`. Headers are read, data when it is asked for.
 * @throws CheckpointError when there is none, or it cannot be read; UsageError for what is no path.
 */
export async function openCheckpoint(place: string | URL, options: CheckpointOptions = {}): Promise<Checkpoint> {
  checkOptions('openCheckpoint', options, checkpointOptions);
  const file = await checkpointIn(pathOf(place));
  if (!isIndex(file)) return SafetensorsFile.open(await openFile(file));
  return ShardedCheckpoint.open(await openFile(file), shardsBeside(file, options));
}

/** What is known of a checkpoint without its data. */
export interface CheckpointFacts {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Of one file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Of an index and its shards. */
  readonly faults: readonly ShardFault[];
}

/** The headers of a checkpoint, even where its shards disagree. @throws CheckpointError as `openCheckpoint` does */
export async function readCheckpointFacts(path: string, options: CheckpointOptions = {}): Promise<CheckpointFacts> {
  const { owners, metadata, faults } = await readHeaders(await checkpointIn(path), options);
  return { tensors: new Map([...owners].map(([tensor, owner]) => [tensor, owner.info(tensor)])), metadata, faults };
}

/** Where the data of a tensor lies. */
export interface TensorPlace extends TensorInfo {
  readonly file: string;
}

/** @throws CheckpointError when the checkpoint cannot be read, or its shards disagree. */
export async function readTensorPlaces(path: string): Promise<ReadonlyMap<string, TensorPlace>> {
  const file = await checkpointIn(path);
  const { owners, faults } = await readHeaders(file, {});
  if (faults.length > 0) throw new CheckpointError(file, 'its shards disagree: gqac check says where');
  return new Map([...owners].map(([tensor, owner]) => [tensor, { ...owner.info(tensor), file: owner.name }]));
}

interface Headers extends Pick<CheckpointFacts, 'metadata' | 'faults'> {
  /** The file of each tensor, which is closed again. */
  readonly owners: ReadonlyMap<string, SafetensorsFile>;
}

async function readHeaders(file: string, options: CheckpointOptions): Promise<Headers> {
  const source = await openFile(file);
  if (!isIndex(file)) {
    const opened = await SafetensorsFile.open(source);
    await opened.close();
    const owners = new Map([...opened.tensors.keys()].map((tensor) => [tensor, opened]));
    return { owners, metadata: opened.metadata, faults: [] };
  }
  try {
    const shards = await openShards(source, shardsBeside(file, options));
    await closeShards(shards);
    return { owners: shards.owners, metadata: new Map(), faults: shards.faults };
  } finally {
    await source.close();
  }
}

/** The file that a path means. */
async function checkpointIn(path: string): Promise<string> {
  const found = await statIfThere(path);
  if (!found?.isDirectory()) return path;
  for (const name of namesInFolder) {
    const file = join(path, name);
    if ((await statIfThere(file)) !== undefined) return file;
  }
  throw new CheckpointError(path, `a folder without ${namesInFolder.join(' and without ')}`);
}

const statIfThere = (path: string) => stat(path).catch(() => undefined);

function isIndex(path: string): boolean {
  return path.endsWith('.json');
}

function shardsBeside(index: string, { within }: CheckpointOptions): (file: string) => Promise<ByteSource> {
  const folder = dirname(index);
  return async (file) => {
    const path = join(folder, file);
    if (within !== undefined && !(await isInside(path, within)))
      throw new CheckpointError(path, `a link out of ${within}: name the checkpoint itself`);
    return openFile(path);
  };
}
