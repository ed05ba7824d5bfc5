import type { Dtype } from './floats.ts';

export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Half-open range of bytes, from the start of its file. */
  readonly start: number;
  readonly end: number;
}

/** Half-open range of the first axis. */
export type RowRange = readonly [start: number, end: number];

/** Named tensors, wherever they lie: a `SafetensorsFile`, or a `ShardedCheckpoint` of several. */
export interface Checkpoint {
  /** For messages. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What the header says beside its tensors; of several files nothing. */
  readonly metadata: ReadonlyMap<string, string>;
  /** @throws CheckpointError when there is no such tensor. */
  info(name: string): TensorInfo;
  /**
   * The bytes of a tensor as they are stored, or of some rows of its first axis; only these are read.
   * @throws CheckpointError when the rows are not within the tensor or cannot be read.
   */
  readBytes(name: string, rows?: RowRange): Promise<Uint8Array<ArrayBuffer>>;
  /** As f32, whatever the stored dtype; C64 gives real and imaginary parts in turn. */
  readFloat32(name: string, rows?: RowRange): Promise<Float32Array<ArrayBuffer>>;
  close(): Promise<void>;
}
