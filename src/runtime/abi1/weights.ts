import { type AllocationRequest, type BufferLedger, bufferUsage } from './buffers.ts';
import type { Checkpoint, RowRange } from './checkpoint.ts';
import type { WeightDecl } from './definition.ts';
import { CheckpointError } from './errors.ts';
import { dtypeBits, fromFloat32 } from './floats.ts';

const bytesOf = { f32: 4, f16: 2, bf16: 2 } as const;
const storedAs = { F32: 'f32', F16: 'f16', BF16: 'bf16' } as const;
/** Rows are read, converted and uploaded in pieces of about this many bytes. */
const pieceBytes = 8 * 1024 * 1024;

export interface LoadProgress {
  readonly tensor: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Bytes that a weight takes on the device. */
const weightBytes = ({ shape, dtype, pitch }: WeightDecl): number => rowsOf(shape) * pitch * bytesOf[dtype];

/** Rows of the last axis. */
const rowsOf = (shape: readonly number[]) => shape.slice(0, -1).reduce((product, extent) => product * extent, 1);

/**
 * Checks every weight against the checkpoint, before anything is allocated.
 * @throws CheckpointError naming the first tensor that is missing, has another shape, or cannot be converted.
 */
function checkWeights(weights: readonly WeightDecl[], file: Checkpoint): void {
  for (const weight of weights) {
    const { dtype, shape } = file.info(weight.source);
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
      throw new CheckpointError(file.name, `its dtype is ${dtype}; weights may be F32, F16 or BF16`, weight.source);
    }
    const expected = weight.rows ? partOf(file, weight, shape, weight.rows) : weight.shape;
    if (!sameShape(shape, expected)) {
      throw new CheckpointError(file.name, `its shape is [${shape}], the module needs [${expected}]`, weight.source);
    }
  }
}

/** The shape that a tensor must have so that `rows` of it make the weight. */
function partOf(file: Checkpoint, weight: WeightDecl, shape: readonly number[], [start, end]: RowRange) {
  if (end > (shape[0] ?? 0)) {
    throw new CheckpointError(file.name, `rows ${start} to ${end} are not within its ${shape[0] ?? 0}`, weight.source);
  }
  return [shape[0] ?? 0, ...weight.shape.slice(1)];
}

/** Extents of 1 may be written or left out: a norm's γ of `[H, 1, D]` is `[H, D]`. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const significant = (shape: readonly number[]) => shape.filter((extent) => extent !== 1).join();
  return significant(a) === significant(b);
}

/** Allocates all weights, then streams them from the file. The result is by name. */
export async function uploadWeights(
  ledger: BufferLedger,
  weights: readonly WeightDecl[],
  file: Checkpoint,
  onProgress: (progress: LoadProgress) => void = () => {},
): Promise<ReadonlyMap<string, GPUBuffer>> {
  checkWeights(weights, file);
  const usage = bufferUsage.storage | bufferUsage.copyDestination | bufferUsage.copySource;
  const requests = weights.map(
    (weight): AllocationRequest => ({ name: weight.name, bytes: weightBytes(weight), usage }),
  );
  const buffers = await ledger.allocateAll(requests);
  const totalBytes = requests.reduce((sum, { bytes }) => sum + bytes, 0);
  let loadedBytes = 0;
  for (const [index, weight] of weights.entries()) {
    await uploadWeight(ledger, buffers[index] as GPUBuffer, weight, file);
    loadedBytes += weightBytes(weight);
    onProgress({ tensor: weight.name, loadedBytes, totalBytes });
  }
  return new Map(weights.map(({ name }, index) => [name, buffers[index] as GPUBuffer]));
}

async function uploadWeight(
  ledger: BufferLedger,
  buffer: GPUBuffer,
  weight: WeightDecl,
  file: Checkpoint,
): Promise<void> {
  const { shape, dtype } = file.info(weight.source);
  const [first, end] = weight.rows ?? [0, shape[0] ?? 1];
  const width = weight.shape.at(-1) ?? 1;
  const asStored = storedAs[dtype as keyof typeof storedAs] === weight.dtype && weight.pitch === width;
  const elementsOfRow = shape.slice(1).reduce((product, extent) => product * extent, 1);
  // Pieces start at multiples of four rows, so that each of them starts at a multiple of four bytes on the device.
  const rowsOfPiece = Math.max(4, Math.floor(pieceBytes / (elementsOfRow * (dtypeBits[dtype] / 8)) / 4) * 4);
  let offset = 0;
  for (let row = first; row < end; row += rowsOfPiece) {
    const range: RowRange = [row, Math.min(row + rowsOfPiece, end)];
    const bytes = asStored
      ? await file.readBytes(weight.source, range)
      : fromFloat32(weight.dtype, withPitch(await file.readFloat32(weight.source, range), width, weight.pitch));
    ledger.upload(buffer, offset, bytes);
    offset += bytes.byteLength;
  }
}

function withPitch(values: Float32Array, width: number, pitch: number): Float32Array {
  if (pitch === width) return values;
  const rows = values.length / width;
  const padded = new Float32Array(rows * pitch);
  for (let row = 0; row < rows; row++) padded.set(values.subarray(row * width, (row + 1) * width), row * pitch);
  return padded;
}
