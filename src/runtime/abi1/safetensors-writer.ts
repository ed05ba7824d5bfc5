import { quoteName, UsageError } from './errors.ts';
import { elementCount } from './extents.ts';
import { type Dtype, dtypeBits } from './floats.ts';

export interface TensorPlan {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface TensorData extends TensorPlan {
  /** Little-endian, exactly the bytes of the shape. */
  readonly bytes: Uint8Array;
}

/** A file whose data is still to be written. */
export interface SafetensorsLayout {
  /** What the file begins with. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** Where the data of each tensor begins, in bytes from the start of the file. */
  readonly starts: ReadonlyMap<string, number>;
  readonly size: number;
}

/**
 * Where tensors lie in a safetensors file. The same tensors give the same file in whatever order they come: widest dtype first (so
 * that data is aligned), then by name; the header is padded with spaces to a multiple of eight bytes.
 * @throws UsageError for a duplicate or reserved name.
 */
export function safetensorsLayout(
  tensors: readonly TensorPlan[],
  metadata: ReadonlyMap<string, string> = new Map(),
): SafetensorsLayout {
  const inOrder = [...tensors].sort((a, b) => dtypeBits[b.dtype] - dtypeBits[a.dtype] || compare(a.name, b.name));
  const offsets = new Map<string, number>();
  const members: string[] = [];
  if (metadata.size > 0) members.push(`"__metadata__":${metadataText(metadata)}`);
  let offset = 0;
  for (const tensor of inOrder) {
    checkName(tensor, offsets);
    offsets.set(tensor.name, offset);
    const end = offset + bytesOf(tensor);
    const shape = JSON.stringify(tensor.shape);
    members.push(
      `${JSON.stringify(tensor.name)}:{"dtype":"${tensor.dtype}","shape":${shape},"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const dataStart = 8 + Math.ceil(text.byteLength / 8) * 8;
  const header = new Uint8Array(dataStart).fill(0x20, 8);
  header.set(text, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  const starts = new Map([...offsets].map(([name, at]) => [name, dataStart + at]));
  return { header, starts, size: dataStart + offset };
}

/**
 * A safetensors file of the tensors, laid out by `safetensorsLayout`.
 * @throws UsageError for a duplicate or reserved name, or bytes that do not fit the shape.
 */
export function writeSafetensors(
  tensors: readonly TensorData[],
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  for (const tensor of tensors) checkBytes(tensor);
  const { header, starts, size } = safetensorsLayout(tensors, metadata);
  const file = new Uint8Array(size);
  file.set(header);
  for (const { name, bytes } of tensors) file.set(bytes, starts.get(name));
  return file;
}

const named = ({ name }: TensorPlan) => `tensor ${quoteName(name)}`;

function checkName(tensor: TensorPlan, taken: ReadonlyMap<string, unknown>): void {
  if (tensor.name === '__metadata__') throw new UsageError(`${named(tensor)}: the name is reserved, choose another`);
  if (taken.has(tensor.name)) throw new UsageError(`${named(tensor)} is given twice`);
}

function bytesOf({ dtype, shape }: TensorPlan): number {
  return (elementCount(shape) * dtypeBits[dtype]) / 8;
}

function checkBytes(tensor: TensorData): void {
  const bytes = bytesOf(tensor);
  if (Number.isSafeInteger(bytes) && tensor.bytes.byteLength === bytes) return;
  const shape = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  throw new UsageError(`${named(tensor)}: ${shape} takes ${bytes} bytes, given ${tensor.bytes.byteLength}`);
}

/** Not `JSON.stringify` of an object: that would move integer-like keys to the front. */
function metadataText(metadata: ReadonlyMap<string, string>): string {
  const members = [...metadata]
    .sort(([a], [b]) => compare(a, b))
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
