import type { BoundSpec } from '../bind.ts';
import { elementCount } from '../dims.ts';
import type { Quantization, WeightDtype, WeightShape } from '../shaped-spec.ts';
import { tensorParts } from './tensor-source.ts';

/** What the checker knows of a checkpoint: names, types and shapes, not data. */
export interface CheckpointHeader {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** What a file says beside its tensors. */
  readonly metadata?: ReadonlyMap<string, string>;
  /** Of a checkpoint in several files. */
  readonly faults?: readonly ShardFault[];
}

/** How the index of a checkpoint and its files disagree. */
export type ShardFault =
  | {
      readonly kind: 'unreadable';
      readonly shard: string;
      readonly reason: string;
      readonly tensors: readonly string[];
    }
  | { readonly kind: 'elsewhere'; readonly shard: string; readonly tensor: string }
  | { readonly kind: 'twice'; readonly shards: readonly [string, string]; readonly tensor: string };

export interface CheckpointTensor {
  /** As safetensors spells it: `F32`, `BF16`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

const weightDtypes: ReadonlyMap<string, WeightDtype> = new Map([
  ['F32', 'f32'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
]);

/** How a tensor's elements are stored, if weights may be stored so. */
export function weightDtypeOf(dtype: string): WeightDtype | undefined {
  return weightDtypes.get(dtype);
}

/** `weights.dtype` of int8 and int4, with its `group`; undefined for the others, and where the group was refused. */
export function resolveQuantization(spec: BoundSpec): Quantization | undefined {
  const dtype = spec.at('weights.dtype')?.value;
  const group = spec.at('weights.group')?.value;
  return (dtype === 'int8' || dtype === 'int4') && group !== undefined ? Object.freeze({ dtype, group }) : undefined;
}

/** Where matrices are quantised, whether the table of token embeddings is. */
export const quantizesEmbeddings = (spec: BoundSpec): boolean => spec.at('weights.embeddings')?.value === 'quantized';

/**
 * How matrices are stored that are not quantised. `checkpoint` becomes the type of most of their elements, f32 without a checkpoint, as
 * do `int8` and `int4`.
 */
export function resolveWeightDtype(
  spec: BoundSpec,
  weights: readonly WeightShape[],
  checkpoint: CheckpointHeader | undefined,
): WeightDtype | undefined {
  const asked = spec.at('weights.dtype')?.value;
  if (asked === undefined || asked === 'f32' || asked === 'f16' || asked === 'bf16') return asked;
  if (checkpoint === undefined) return 'f32';
  const elements = new Map<WeightDtype, number>();
  for (const { role, shape, source } of weights.flatMap(tensorParts)) {
    const dtype = weightDtypeOf(checkpoint.tensors.get(source.tensor)?.dtype ?? '');
    if (role !== 'matrix' || dtype === undefined) continue;
    elements.set(dtype, (elements.get(dtype) ?? 0) + elementCount(shape));
  }
  return [...elements].reduce<readonly [WeightDtype, number]>(
    (most, one) => (one[1] > most[1] ? one : most),
    ['f32', 0],
  )[0];
}
