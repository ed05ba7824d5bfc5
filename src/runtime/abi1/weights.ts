import { type AllocationRequest, type BufferLedger, bufferUsage } from './buffers.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { BlocksDecl, WeightDecl } from './definition.ts';
import { CheckpointError } from './errors.ts';
import { elementCount } from './extents.ts';
import { isPacked, placedIn } from './packed-checkpoint.ts';
import { quantizedBytes, quantizedOf } from './quantize.ts';
import { scalesName, storedShapes } from './quantized-pieces.ts';
import { deviceBytes, wholeOf } from './weight-parts.ts';
import { endOf, tensorParts } from './weight-pieces.ts';

export interface LoadProgress {
  readonly tensor: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Bytes that a weight takes on the device. */
function weightBytes(weight: WeightDecl): number {
  const entries = rowsOf(weight.shape) * weight.pitch;
  const quantized = quantizedOf(weight);
  return quantized === undefined ? entries * (weight.dtype === 'f32' ? 4 : 2) : quantizedBytes(entries, quantized);
}

/** Rows of the last axis. */
const rowsOf = (shape: readonly number[]) => elementCount(shape.slice(0, -1));

/**
 * Checks every weight against the checkpoint, before anything is allocated.
 * @throws CheckpointError naming the first tensor that is missing, has another shape, or cannot be converted.
 */
export function checkWeights(weights: readonly WeightDecl[], file: Checkpoint): void {
  for (const weight of weights.map(wholeOf).flatMap(tensorParts)) {
    const { dtype, shape } = file.info(weight.source);
    if (isPacked(file) && dtype === 'U8' && checkStored(weight, file)) continue;
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
      throw new CheckpointError(file.name, `its dtype is ${dtype}; weights may be F32, F16 or BF16`, weight.source);
    }
    const read = weight.transposed ? [...shape.slice(0, -2), ...shape.slice(-2).reverse()] : shape;
    if (weight.blocks === undefined ? sameShape(read, weight.shape) : holds(read, weight, weight.blocks)) continue;
    const needed = weight.blocks === undefined ? `[${weight.shape}]` : `blocks of [${weight.shape}] from it`;
    const how = weight.transposed ? ', transposed' : '';
    throw new CheckpointError(file.name, `its shape is [${shape}], the module needs ${needed}${how}`, weight.source);
  }
}

/** Of a packed checkpoint; false for a weight that is not quantised. @throws CheckpointError as `checkWeights` does */
function checkStored(weight: WeightDecl, file: Checkpoint): boolean {
  const stored = storedShapes(weight);
  if (stored === undefined) return false;
  const tensors = [
    [weight.source, stored.codes],
    [scalesName(weight.source), stored.scales],
  ] as const;
  for (const [tensor, { dtype, shape }] of tensors) {
    const found = file.info(tensor);
    if (found.dtype === dtype && found.shape.join() === shape.join()) continue;
    throw new CheckpointError(
      file.name,
      `it is ${found.dtype} [${found.shape}], ${weight.dtype} in groups of ${weight.group} needs ${dtype} [${shape}]`,
      tensor,
    );
  }
  return true;
}

/** Several blocks fill the tensor; one block lies within it and has whole rows. */
function holds(shape: readonly number[], weight: WeightDecl, blocks: BlocksDecl): boolean {
  const elements = elementCount(shape);
  if (blocks.count > 1) return elements === blocks.count * blocks.stride;
  return endOf(blocks) <= elements && (weight.shape.length === 1 || shape.at(-1) === weight.shape.at(-1));
}

/** Extents of 1 may be written or left out: a norm's γ of `[H, 1, D]` is `[H, D]`. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const significant = (shape: readonly number[]) => shape.filter((extent) => extent !== 1).join();
  return significant(a) === significant(b);
}

/** Allocates all weights, then streams them from the file. The result is by name. */
export async function uploadWeights(
  ledger: BufferLedger,
  declared: readonly WeightDecl[],
  file: Checkpoint,
  onProgress: (progress: LoadProgress) => void = () => {},
): Promise<ReadonlyMap<string, GPUBuffer>> {
  const weights = placedIn(file, declared);
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
  for await (const { offset, bytes } of deviceBytes(file, weight)) ledger.upload(buffer, offset, bytes);
}
