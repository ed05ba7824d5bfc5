import type { FileHandle } from 'node:fs/promises';
import type { Checkpoint } from '../runtime/abi1/checkpoint.ts';
import type { WeightDecl } from '../runtime/abi1/definition.ts';
import { CheckpointError } from '../runtime/abi1/errors.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import { isPacked, packedMetadata } from '../runtime/abi1/packed-checkpoint.ts';
import { codeBytes, type Quantized, quantizedOf } from '../runtime/abi1/quantize.ts';
import { scalesName, storedShapes } from '../runtime/abi1/quantized-pieces.ts';
import { safetensorsLayout, type TensorPlan } from '../runtime/abi1/safetensors-writer.ts';
import { tensorParts, weightPieces } from '../runtime/abi1/weight-pieces.ts';
import { checkWeights, type LoadProgress } from '../runtime/abi1/weights.ts';

/** A weight of the module, and the tensors of the packed checkpoint that it becomes. */
interface Packing {
  readonly weight: WeightDecl;
  readonly tensors: readonly TensorPlan[];
}

/** What a packed checkpoint of some weights has, found out before anything is written. */
export interface PackedPlan {
  readonly file: Checkpoint;
  readonly packings: readonly Packing[];
  readonly quantized: Quantized;
}

/**
 * Weights that are quantised become codes and scales, the others stay as the checkpoint has them.
 * @throws CheckpointError when the checkpoint is packed already, or is not that of the weights.
 */
export function planPacking(weights: readonly WeightDecl[], quantized: Quantized, file: Checkpoint): PackedPlan {
  if (isPacked(file))
    throw new CheckpointError(file.name, 'is packed already: give the checkpoint that it was made of');
  checkWeights(weights, file);
  return { file, quantized, packings: weights.map((weight) => packingOf(weight, file)) };
}

const asStored = { F32: 'f32', F16: 'f16', BF16: 'bf16' } as const;

function packingOf(weight: WeightDecl, file: Checkpoint): Packing {
  const { name, shape } = weight;
  const stored = storedShapes(weight);
  if (stored !== undefined) {
    return {
      weight,
      tensors: [
        { name, ...stored.codes },
        { name: scalesName(name), ...stored.scales },
      ],
    };
  }
  const dtypes = tensorParts(weight).map(({ source }) => file.info(source).dtype);
  const dtype = (['BF16', 'F16'] as const).find((one) => dtypes.every((other) => other === one)) ?? 'F32';
  const own = { ...weight, dtype: asStored[dtype], pitch: shape.at(-1) ?? 1 };
  return { weight: own, tensors: [{ name, dtype, shape }] };
}

/** Writes the file, piece by piece. @throws CheckpointError for an entry that cannot be quantised */
export async function writePacked(
  { file, packings, quantized }: PackedPlan,
  handle: FileHandle,
  onProgress: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<number> {
  const tensors = packings.flatMap((packing) => packing.tensors);
  const { header, starts, size } = safetensorsLayout(tensors, packedMetadata(quantized));
  await handle.write(header, 0, header.byteLength, 0);
  let written = header.byteLength;
  for (const { weight } of packings) {
    const start = starts.get(weight.name) ?? 0;
    const scalesStart = starts.get(scalesName(weight.name)) ?? 0;
    const own = quantizedOf(weight);
    const codes = own === undefined ? size : codeBytes(elementCount(weight.shape), own);
    for await (const { offset, bytes } of weightPieces(file, weight)) {
      signal.throwIfAborted();
      await handle.write(bytes, 0, bytes.byteLength, offset < codes ? start + offset : scalesStart + offset - codes);
      written += bytes.byteLength;
      onProgress({ tensor: weight.name, loadedBytes: written, totalBytes: size });
    }
  }
  return size;
}
