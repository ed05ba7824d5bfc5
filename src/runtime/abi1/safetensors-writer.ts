import { quoteName, UsageError } from './errors.ts';
import { type Dtype, dtypeBits } from './floats.ts';

export interface TensorData {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Little-endian, exactly the bytes of the shape. */
  readonly bytes: Uint8Array;
}

/**
 * A safetensors file of the tensors. The same tensors give the same bytes in whatever order they come: widest dtype first (so
 * that data is aligned), then by name; the header is padded with spaces to a multiple of eight bytes.
 * @throws UsageError for a duplicate or reserved name, or bytes that do not fit the shape.
 */
export function writeSafetensors(
  tensors: readonly TensorData[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const inOrder = [...tensors].sort((a, b) => dtypeBits[b.dtype] - dtypeBits[a.dtype] || compare(a.name, b.name));
  const names = new Set<string>();
  const members: string[] = [];
  if (metadata.size > 0) members.push(`"__metadata__":${metadataText(metadata)}`);
  let offset = 0;
  for (const tensor of inOrder) {
    check(tensor, names);
    const end = offset + tensor.bytes.byteLength;
    const shape = JSON.stringify(tensor.shape);
    members.push(
      `${JSON.stringify(tensor.name)}:{"dtype":"${tensor.dtype}","shape":${shape},"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const dataStart = 8 + Math.ceil(header.byteLength / 8) * 8;
  const file = new Uint8Array(dataStart + offset);
  file.fill(0x20, 8, dataStart);
  file.set(header, 8);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  let cursor = dataStart;
  for (const { bytes } of inOrder) {
    file.set(bytes, cursor);
    cursor += bytes.byteLength;
  }
  return file;
}

function check(tensor: TensorData, names: Set<string>): void {
  const named = `tensor ${quoteName(tensor.name)}`;
  if (tensor.name === '__metadata__') throw new UsageError(`${named}: the name is reserved, choose another`);
  if (names.has(tensor.name)) throw new UsageError(`${named} is given twice`);
  names.add(tensor.name);
  const elements = tensor.shape.reduce((product, extent) => product * extent, 1);
  const bytes = (elements * dtypeBits[tensor.dtype]) / 8;
  if (!Number.isSafeInteger(elements) || tensor.bytes.byteLength !== bytes) {
    const shape = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    throw new UsageError(`${named}: ${shape} takes ${bytes} bytes, given ${tensor.bytes.byteLength}`);
  }
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
