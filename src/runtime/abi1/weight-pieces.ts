import type { Checkpoint, RowRange } from './checkpoint.ts';
import type { BlocksDecl, WeightDecl } from './definition.ts';
import { dtypeBits, fromFloat32 } from './floats.ts';

const storedAs: Readonly<Record<string, WeightDecl['dtype']>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };
/** A tensor is read in pieces of about this many bytes. */
const pieceBytes = 8 * 1024 * 1024;

/**
 * The bytes of a weight as the device has them, piece by piece in order. Host memory is that of a piece, or of one matrix where a
 * matrix is stored transposed.
 */
export async function* weightPieces(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const part of tensorParts(weight)) {
    yield* part.transposed ? transposedMatrices(file, part) : rowsInOrder(file, part);
  }
}

/** A weight as the parts of it that lie in one tensor each. */
export function tensorParts({ stack, ...weight }: WeightDecl): readonly WeightDecl[] {
  if (stack === undefined) return [weight];
  return Array.from({ length: stack }, (_, e) => ({
    ...weight,
    shape: weight.shape.slice(1),
    source: weight.source.replaceAll('{e}', String(e)),
  }));
}

async function* rowsInOrder(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { source, dtype: own, pitch } = weight;
  const { shape, dtype } = file.info(source);
  const width = weight.shape.at(-1) ?? 1;
  const asStored = storedAs[dtype] === own && pitch === width;
  const bytesEach = dtypeBits[dtype] / 8;
  const elementsOfRow = product(shape.slice(1));
  const rowsOfPiece = Math.max(1, Math.floor(pieceBytes / (elementsOfRow * bytesEach)));
  const blocks = weight.blocks ?? wholeOf(shape);
  const firstRow = Math.floor(blocks.from / elementsOfRow);
  const endRow = Math.ceil(endOf(blocks) / elementsOfRow);
  for (let row = firstRow; row < endRow; row += rowsOfPiece) {
    const range: RowRange = [row, Math.min(row + rowsOfPiece, endRow)];
    const wanted = within(blocks, range[0] * elementsOfRow, range[1] * elementsOfRow);
    if (wanted.length === 0) continue;
    if (asStored) {
      yield gathered(await file.readBytes(source, range), wanted, bytesEach);
    } else {
      yield fromFloat32(own, withPitch(gathered(await file.readFloat32(source, range), wanted, 1), width, pitch));
    }
  }
}

/** Matrices `[…, in, out]` that the device has as `[…, out, in]`: one of them at a time. */
async function* transposedMatrices(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { source, dtype: own, pitch } = weight;
  const { shape, dtype } = file.info(source);
  const [rows = 1, columns = 1] = shape.slice(-2);
  const size = rows * columns;
  const blocks = weight.blocks ?? wholeOf(shape);
  for (let matrix = 0; matrix < product(shape.slice(0, -2)); matrix++) {
    const wanted = within(blocks, matrix * size, (matrix + 1) * size);
    // Blocks are whole rows of the device's matrix, which are columns here.
    const taken = Int32Array.from(wanted.flatMap(([start, end]) => integersFrom(start / rows, end / rows)));
    const values = new Float32Array(taken.length * pitch);
    for (const range of shape.length > 2 ? [[matrix, matrix + 1] as const] : rowPieces(rows, columns, dtype)) {
      const read = await file.readFloat32(source, range);
      transpose(read, columns, taken, { values, pitch, first: shape.length > 2 ? 0 : range[0] });
    }
    if (taken.length > 0) yield fromFloat32(own, values);
  }
}

interface Turned {
  readonly values: Float32Array;
  readonly pitch: number;
  /** Of the rows that are read, the first one's place in the matrix. */
  readonly first: number;
}

/** Writes the columns that are taken as rows, some rows at a time: neither side then leaves the cache between two elements. */
function transpose(read: Float32Array, columns: number, taken: Int32Array, { values, pitch, first }: Turned): void {
  const rows = read.length / columns;
  for (let from = 0; from < rows; from += 32) {
    const end = Math.min(from + 32, rows);
    for (let to = 0; to < taken.length; to++) {
      const column = taken[to] as number;
      for (let row = from; row < end; row++) {
        values[to * pitch + first + row] = read[row * columns + column] as number;
      }
    }
  }
}

function rowPieces(rows: number, columns: number, dtype: keyof typeof dtypeBits): readonly RowRange[] {
  const each = Math.max(1, Math.floor(pieceBytes / (columns * (dtypeBits[dtype] / 8))));
  return Array.from({ length: Math.ceil(rows / each) }, (_, piece) => [
    piece * each,
    Math.min((piece + 1) * each, rows),
  ]);
}

const wholeOf = (shape: readonly number[]): BlocksDecl => {
  const size = product(shape);
  return { count: 1, from: 0, size, stride: size };
};

/** Where the last block ends. */
export const endOf = ({ count, from, size, stride }: BlocksDecl): number => (count - 1) * stride + from + size;

/** The parts of the blocks that lie between two elements, counted from the first of these. */
function within({ count, from, size, stride }: BlocksDecl, start: number, end: number): readonly RowRange[] {
  const ranges: RowRange[] = [];
  const first = Math.max(0, Math.floor((start - from - size) / stride) + 1);
  for (let block = first; block < count && block * stride + from < end; block++) {
    const at = block * stride + from;
    const range: RowRange = [Math.max(at, start) - start, Math.min(at + size, end) - start];
    if (range[0] < range[1]) ranges.push(range);
  }
  return ranges;
}

/** The ranges of `data` one after the other; `unit` entries of it make one element. */
function gathered<T extends Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>>(
  data: T,
  ranges: readonly RowRange[],
  unit: number,
): T {
  const [first] = ranges;
  if (ranges.length === 1 && first !== undefined) return data.subarray(first[0] * unit, first[1] * unit) as T;
  const length = ranges.reduce((sum, [start, end]) => sum + end - start, 0) * unit;
  const taken = data.slice(0, length) as T;
  let at = 0;
  for (const [start, end] of ranges) {
    taken.set(data.subarray(start * unit, end * unit), at);
    at += (end - start) * unit;
  }
  return taken;
}

function withPitch(values: Float32Array<ArrayBuffer>, width: number, pitch: number): Float32Array<ArrayBuffer> {
  if (pitch === width) return values;
  const rows = values.length / width;
  const padded = new Float32Array(rows * pitch);
  for (let row = 0; row < rows; row++) padded.set(values.subarray(row * width, (row + 1) * width), row * pitch);
  return padded;
}

const integersFrom = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index);

const product = (extents: readonly number[]) => extents.reduce((all, extent) => all * extent, 1);
