import type { Checkpoint, RowRange } from './checkpoint.ts';
import type { BlocksDecl, WeightDecl } from './definition.ts';
import { dtypeBits, fromFloat32 } from './floats.ts';
import { quantizedOf } from './quantize.ts';
import { quantizedPieces, storedQuantizedPieces, type WeightPiece } from './quantized-pieces.ts';

const storedAs: Readonly<Record<string, WeightDecl['dtype']>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };
/** A tensor is read in pieces of about this many bytes: what is made of one stays in the caches of a processor. */
const pieceBytes = 1024 * 1024;

/**
 * The bytes of a weight as the device has them, piece by piece. Host memory is that of a piece, or of one matrix where a
 * matrix is stored transposed.
 * @throws CheckpointError for an entry that cannot be quantised.
 */
export async function* weightPieces(file: Checkpoint, weight: WeightDecl): AsyncGenerator<WeightPiece> {
  const quantized = quantizedOf(weight);
  if (quantized !== undefined) {
    const isStored = file.tensors.get(weight.source)?.dtype === 'U8';
    yield* isStored
      ? storedQuantizedPieces(file, weight, pieceBytes)
      : quantizedPieces(file, weight, quantized, values(file, weight));
    return;
  }
  let offset = 0;
  for await (const bytes of floatPieces(file, weight)) {
    yield { offset, bytes };
    offset += bytes.byteLength;
  }
}

/** The entries of a weight in order, rows padded to its pitch. */
async function* values(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for (const part of tensorParts(weight)) {
    yield* part.transposed ? transposedMatrices(file, part) : rowsInOrder(file, part);
  }
}

async function* floatPieces(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const part of tensorParts(weight)) {
    const dtype = part.dtype;
    if (dtype === 'int8' || dtype === 'int4') throw new RangeError(`${part.name} is ${dtype} without groups`);
    const asStored = storedAs[file.info(part.source).dtype] === dtype && part.pitch === (part.shape.at(-1) ?? 1);
    if (asStored && !part.transposed) yield* storedRows(file, part);
    else for await (const piece of values(file, part)) yield fromFloat32(dtype, piece);
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

async function* storedRows(file: Checkpoint, part: WeightDecl): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const bytesEach = dtypeBits[file.info(part.source).dtype] / 8;
  for (const { range, wanted } of rowRanges(file, part)) {
    yield gathered(await file.readBytes(part.source, range), wanted, bytesEach);
  }
}

async function* rowsInOrder(file: Checkpoint, part: WeightDecl): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const width = part.shape.at(-1) ?? 1;
  for (const { range, wanted } of rowRanges(file, part)) {
    yield withPitch(gathered(await file.readFloat32(part.source, range), wanted, 1), width, part.pitch);
  }
}

interface WantedRows {
  /** Rows of the first axis that are read. */
  readonly range: RowRange;
  /** The elements of these that are wanted. */
  readonly wanted: readonly RowRange[];
}

function rowRanges(file: Checkpoint, { source, blocks: part }: WeightDecl): readonly WantedRows[] {
  const { shape, dtype } = file.info(source);
  const elementsOfRow = product(shape.slice(1));
  const rowsOfPiece = Math.max(1, Math.floor(pieceBytes / (elementsOfRow * (dtypeBits[dtype] / 8))));
  const blocks = part ?? wholeOf(shape);
  const endRow = Math.ceil(endOf(blocks) / elementsOfRow);
  const ranges: WantedRows[] = [];
  for (let row = Math.floor(blocks.from / elementsOfRow); row < endRow; row += rowsOfPiece) {
    const range: RowRange = [row, Math.min(row + rowsOfPiece, endRow)];
    const wanted = within(blocks, range[0] * elementsOfRow, range[1] * elementsOfRow);
    if (wanted.length > 0) ranges.push({ range, wanted });
  }
  return ranges;
}

/** Matrices `[…, in, out]` that the device has as `[…, out, in]`: one of them at a time. */
async function* transposedMatrices(file: Checkpoint, weight: WeightDecl): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const { source, pitch } = weight;
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
    if (taken.length > 0) yield values;
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
