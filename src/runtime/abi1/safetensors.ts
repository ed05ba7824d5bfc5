import type { ByteSource } from './byte-source.ts';
import type { Checkpoint, RowRange, TensorInfo } from './checkpoint.ts';
import { CheckpointError, formatBytes, quoteName } from './errors.ts';
import { type Dtype, dtypeBits, isDtype, toFloat32 } from './floats.ts';
import { type HeaderEntry, parseHeader } from './safetensors-header.ts';

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

const maxHeaderBytes = 100_000_000;

/**
 * Reads and checks the header against the size of the file: every tensor lies within it, they follow each other without gap
 * or overlap to its end, and each has the bytes of its shape. No tensor data is read.
 * @throws CheckpointError naming the file and, where it is about one, the tensor.
 */
async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const { name: file, size } = source;
  if (size < 8) {
    throw new CheckpointError(
      file,
      `${size} bytes are too few for a safetensors file: it is truncated or something else`,
    );
  }
  const prefix = await source.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(size - 8)) {
    throw new CheckpointError(
      file,
      `says that its header has ${length} bytes, ${size - 8} are left: it is truncated or not a safetensors file`,
    );
  }
  if (length > BigInt(maxHeaderBytes)) {
    throw new CheckpointError(file, `its header has ${length} bytes, the most allowed is ${maxHeaderBytes}`);
  }
  const dataStart = 8 + Number(length);
  const { entries, metadata } = parseHeader(file, await source.read(8, dataStart));
  return { tensors: placeTensors(file, entries, dataStart, size), metadata };
}

function placeTensors(
  file: string,
  entries: ReadonlyMap<string, HeaderEntry>,
  dataStart: number,
  size: number,
): ReadonlyMap<string, TensorInfo> {
  const inOrder = [...entries].sort(([, a], [, b]) => a.offsets[0] - b.offsets[0] || a.offsets[1] - b.offsets[1]);
  const placed = new Map<string, TensorInfo>();
  const dataSize = size - dataStart;
  let cursor = 0;
  for (const [name, entry] of inOrder) {
    const [start, end] = entry.offsets;
    const dtype = entry.dtype;
    if (!isDtype(dtype)) throw new CheckpointError(file, `has the unknown dtype ${quoteName(dtype)}`, name);
    if (end < start) throw new CheckpointError(file, `its data ends at ${end}, before its start ${start}`, name);
    const bytes = byteSize(file, name, dtype, entry.shape);
    if (bytes !== end - start) {
      const shape = `${dtype} [${entry.shape.join(', ')}]`;
      throw new CheckpointError(file, `${shape} takes ${bytes} bytes, its data has ${end - start}`, name);
    }
    if (start !== cursor) {
      const fault = start < cursor ? 'overlaps the tensor before it' : 'leaves a gap after the tensor before it';
      throw new CheckpointError(file, `its data at ${start} ${fault}, which ends at ${cursor}`, name);
    }
    if (end > dataSize) {
      throw new CheckpointError(
        file,
        `its data ends at byte ${dataStart + end}, the file has ${size}: the file is truncated, fetch it again`,
        name,
      );
    }
    placed.set(name, { dtype, shape: entry.shape, start: dataStart + start, end: dataStart + end });
    cursor = end;
  }
  if (cursor !== dataSize) {
    throw new CheckpointError(
      file,
      `${dataSize - cursor} bytes after the last tensor belong to none: the file is damaged`,
    );
  }
  return placed;
}

function byteSize(file: string, name: string, dtype: Dtype, shape: readonly number[]): number {
  let elements = 1;
  for (const extent of shape) {
    elements *= extent;
    if (!Number.isSafeInteger(elements * 64)) {
      throw new CheckpointError(file, `its shape [${shape.join(', ')}] has too many elements`, name);
    }
  }
  const bits = elements * dtypeBits[dtype];
  if (bits % 8 !== 0) {
    throw new CheckpointError(file, `${elements} elements of ${dtype} do not fill whole bytes`, name);
  }
  return bits / 8;
}

/** An open safetensors file: the checked header, and tensors read on demand. */
export class SafetensorsFile implements Checkpoint {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #source: ByteSource;

  private constructor(source: ByteSource, header: SafetensorsHeader) {
    this.name = source.name;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
    this.#source = source;
  }

  /** The file owns the source from here on, and closes it if its header is refused. */
  static async open(source: ByteSource): Promise<SafetensorsFile> {
    try {
      return new SafetensorsFile(source, await readSafetensorsHeader(source));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info === undefined)
      throw new CheckpointError(this.name, `not in the file, which has ${this.tensors.size} others`, name);
    return info;
  }

  async readBytes(name: string, rows?: RowRange): Promise<Uint8Array<ArrayBuffer>> {
    const info = this.info(name);
    const [start, end] = rows === undefined ? [info.start, info.end] : this.#rowBytes(name, info, rows);
    try {
      return await this.#source.read(start, end);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new CheckpointError(
        this.name,
        `${formatBytes(end - start)} cannot be read at once: read ranges of rows`,
        name,
      );
    }
  }

  async readFloat32(name: string, rows?: RowRange): Promise<Float32Array<ArrayBuffer>> {
    const { dtype } = this.info(name);
    const bytes = await this.readBytes(name, rows);
    return toFloat32(dtype, bytes, (bytes.byteLength * 8) / dtypeBits[dtype]);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  #rowBytes(name: string, info: TensorInfo, [from, to]: RowRange): readonly [number, number] {
    const count = info.shape[0];
    if (count === undefined) throw new CheckpointError(this.name, 'a scalar has no rows', name);
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > count) {
      throw new CheckpointError(this.name, `rows ${from} to ${to} are not within its ${count}`, name);
    }
    if (count === 0) return [info.start, info.start];
    const rowBytes = (info.end - info.start) / count;
    if (!Number.isInteger(rowBytes)) {
      throw new CheckpointError(
        this.name,
        `rows of ${info.dtype} do not start at whole bytes: read the whole tensor`,
        name,
      );
    }
    return [info.start + from * rowBytes, info.start + to * rowBytes];
  }
}
