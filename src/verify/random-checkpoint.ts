import type { ShapedSpec, WeightShape } from '../compiler/check/shaped-spec.ts';
import { tensorParts } from '../compiler/check/weights/tensor-source.ts';
import { bytesSource } from '../runtime/abi1/byte-source.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import { fromFloat32 } from '../runtime/abi1/floats.ts';
import { SafetensorsFile } from '../runtime/abi1/safetensors.ts';
import { type TensorData, writeSafetensors } from '../runtime/abi1/safetensors-writer.ts';
import { randomNumbers, randomValues } from './random.ts';

/**
 * A checkpoint in f32 with everything that the spec loads. Nothing in it is zero, one or an identity; matrices are small
 * enough that activations keep their size from layer to layer.
 */
export function randomCheckpoint(shaped: Pick<ShapedSpec, 'weights'>, seed: number): Promise<SafetensorsFile> {
  const next = randomNumbers(seed);
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, role }] of tensorsOf(shaped.weights)) {
    const count = elementCount(shape);
    const size = role === 'matrix' ? 1.6 / Math.sqrt(shape.at(-1) ?? 1) : 1.5;
    tensors.set(name, { name, dtype: 'F32', shape, bytes: fromFloat32('f32', randomValues(count, next, size)) });
  }
  return SafetensorsFile.open(bytesSource(`random weights of seed ${seed}`, writeSafetensors([...tensors.values()])));
}

/** Weights that are parts of one tensor make it whole together. */
function tensorsOf(weights: readonly WeightShape[]): ReadonlyMap<string, Pick<WeightShape, 'shape' | 'role'>> {
  const tensors = new Map<string, Pick<WeightShape, 'shape' | 'role'>>();
  for (const weight of weights.flatMap(tensorParts)) {
    const { role, source } = weight;
    const shape = storedShape(weight);
    const known = tensors.get(source.tensor)?.shape;
    tensors.set(source.tensor, { role, shape: shape.map((extent, axis) => Math.max(extent, known?.[axis] ?? 0)) });
  }
  return tensors;
}

/** The smallest tensor that has the weight where its source says; blocks fill theirs. */
function storedShape({ shape, role, source: { rows, blocks, transposed } }: WeightShape): readonly number[] {
  const last = role === 'vector' ? [] : shape.slice(-1);
  const part =
    blocks === undefined
      ? [...(rows === undefined ? shape.slice(0, 1) : [rows[1]]), ...shape.slice(1)]
      : [blocks.count * blocks.stride, ...last];
  return transposed ? [...part.slice(0, -2), ...part.slice(-2).reverse()] : part;
}
