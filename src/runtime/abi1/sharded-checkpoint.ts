import type { ByteSource } from './byte-source.ts';
import type { Checkpoint, RowRange, TensorInfo } from './checkpoint.ts';
import { CheckpointError } from './errors.ts';
import { SafetensorsFile } from './safetensors.ts';
import { readShardIndex } from './shard-index.ts';

/** How an index and its shards disagree. */
export type ShardFault =
  | {
      readonly kind: 'unreadable';
      readonly shard: string;
      readonly reason: string;
      readonly tensors: readonly string[];
    }
  | { readonly kind: 'elsewhere'; readonly shard: string; readonly tensor: string }
  | { readonly kind: 'twice'; readonly shards: readonly [string, string]; readonly tensor: string };

export interface OpenShards {
  /** By name of the file, those that could be read. */
  readonly files: ReadonlyMap<string, SafetensorsFile>;
  /** The file of each tensor. */
  readonly owners: ReadonlyMap<string, SafetensorsFile>;
  readonly faults: readonly ShardFault[];
}

/** How the file that an index names is opened; the index has been refused if the name leads out of its folder. */
export type OpenShard = (file: string) => Promise<ByteSource>;

/** Headers read at a time. */
const lanes = 16;

/**
 * Opens every shard of an index and reads its header, no data. Faults are collected: of a checkpoint with any, weights must not
 * be loaded.
 * @throws CheckpointError when the index cannot be read.
 */
export async function openShards(index: ByteSource, openShard: OpenShard): Promise<OpenShards> {
  const map = await readShardIndex(index);
  const files = new Map<string, SafetensorsFile>();
  const faults: ShardFault[] = [];
  const queue = new Set(map.values()).values();
  const work = async () => {
    for (const shard of queue) {
      try {
        files.set(shard, await SafetensorsFile.open(await openShard(shard)));
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        const tensors = [...map].filter(([, file]) => file === shard).map(([tensor]) => tensor);
        faults.push({ kind: 'unreadable', shard, reason: withoutFile(error), tensors });
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  const { owners, clashes } = ownersOf(map, files);
  const absent = [...map].flatMap(([tensor, shard]): readonly ShardFault[] => {
    const file = files.get(shard);
    return file === undefined || file.tensors.has(tensor) ? [] : [{ kind: 'elsewhere', shard, tensor }];
  });
  return { files, owners, faults: [...faults, ...absent, ...clashes] };
}

/** What is wrong, without the file's name, which the fault has. */
function withoutFile({ message, file }: CheckpointError): string {
  return message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;
}

/** Tensors that the index leaves out belong to the checkpoint all the same. */
function ownersOf(map: ReadonlyMap<string, string>, files: ReadonlyMap<string, SafetensorsFile>) {
  const shards = new Map<string, string>();
  const owners = new Map<string, SafetensorsFile>();
  const clashes: ShardFault[] = [];
  for (const shard of new Set(map.values())) {
    const file = files.get(shard);
    for (const tensor of file?.tensors.keys() ?? []) {
      const earlier = shards.get(tensor);
      if (earlier !== undefined) clashes.push({ kind: 'twice', shards: [earlier, shard], tensor });
      else if (file !== undefined) {
        shards.set(tensor, shard);
        owners.set(tensor, file);
      }
    }
  }
  return { owners, clashes };
}

export async function closeShards({ files }: OpenShards): Promise<void> {
  await Promise.all([...files.values()].map((file) => file.close()));
}

/** A checkpoint in several safetensors files, as `model.safetensors.index.json` lists them. */
export class ShardedCheckpoint implements Checkpoint {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string> = new Map();
  readonly #shards: OpenShards;

  private constructor(name: string, shards: OpenShards) {
    this.name = name;
    this.#shards = shards;
    this.tensors = new Map([...shards.owners].map(([tensor, file]) => [tensor, file.info(tensor)]));
  }

  /**
   * Opens all shards, and closes the index. On the web: `ShardedCheckpoint.open(await fetchSource(url), (file) => fetchSource(new
   * URL(file, url)))`.
   * @throws CheckpointError when the index or a shard cannot be read, or they disagree; nothing stays open then.
   */
  static async open(index: ByteSource, openShard: OpenShard): Promise<ShardedCheckpoint> {
    try {
      const shards = await openShards(index, openShard);
      const [fault] = shards.faults;
      if (fault === undefined) return new ShardedCheckpoint(index.name, shards);
      await closeShards(shards);
      throw faultError(index.name, fault);
    } finally {
      await index.close();
    }
  }

  info(name: string): TensorInfo {
    return this.#fileOf(name).info(name);
  }

  readBytes(name: string, rows?: RowRange): Promise<Uint8Array<ArrayBuffer>> {
    return this.#fileOf(name).readBytes(name, rows);
  }

  readFloat32(name: string, rows?: RowRange): Promise<Float32Array<ArrayBuffer>> {
    return this.#fileOf(name).readFloat32(name, rows);
  }

  close(): Promise<void> {
    return closeShards(this.#shards);
  }

  #fileOf(name: string): SafetensorsFile {
    const file = this.#shards.owners.get(name);
    if (file !== undefined) return file;
    throw new CheckpointError(this.name, `in none of its files, which have ${this.tensors.size} others`, name);
  }
}

function faultError(index: string, fault: ShardFault): CheckpointError {
  switch (fault.kind) {
    case 'unreadable':
      return new CheckpointError(index, `its shard ${fault.shard}: ${fault.reason}`);
    case 'elsewhere':
      return new CheckpointError(index, `it should be in ${fault.shard}, which does not have it`, fault.tensor);
    case 'twice':
      return new CheckpointError(index, `it is in ${fault.shards.join(' and in ')}`, fault.tensor);
  }
}
