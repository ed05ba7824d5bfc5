import { elementCount } from '../check/dims.ts';
import type { WeightShape } from '../check/shaped-spec.ts';
import type { AttnModule, WeightPart } from '../ir/nodes.ts';

/** One tensor of a checkpoint, whole. */
export interface StoredTensor {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

export type TensorReader = (name: string) => StoredTensor | Promise<StoredTensor>;

/**
 * Reads every weight of the module. Out: values by canonical name, for `createOracle`.
 * @throws Error naming a tensor whose size is not that of the weight.
 */
export async function gatherWeights(
  module: AttnModule,
  readTensor: TensorReader,
): Promise<ReadonlyMap<string, Float64Array>> {
  const weights = new Map<string, Float64Array>();
  for (const { name, weight, part } of module.tensors.values()) {
    if (weight === undefined) continue;
    const values = await readWeight(weight, readTensor);
    if (values.length !== elementCount(weight.shape)) {
      throw new Error(
        `${weight.source.tensor} has ${values.length} values, ${name} [${weight.shape.join(', ')}] needs ${elementCount(weight.shape)}`,
      );
    }
    weights.set(name, part === undefined ? values : partOf(values, weight.shape, part));
  }
  return weights;
}

/** Entries of one axis, run by run. */
function partOf(values: Float64Array, shape: readonly number[], { axis, size, starts }: WeightPart): Float64Array {
  const before = elementCount(shape.slice(0, axis));
  const each = elementCount(shape.slice(axis + 1));
  const extent = shape[axis] ?? 1;
  const runs = Array.from({ length: before }, (_, outer) =>
    starts.map((start) => values.subarray((outer * extent + start) * each, (outer * extent + start + size) * each)),
  ).flat();
  return Float64Array.from(runs.flatMap((run) => [...run]));
}

/** Of a stack, the parts one after the other. */
async function readWeight(weight: WeightShape, readTensor: TensorReader): Promise<Float64Array> {
  const { tensor, stack } = weight.source;
  if (stack === undefined) return valuesOf(weight, await readTensor(tensor));
  const parts: number[] = [];
  for (let e = 0; e < stack; e++) {
    const values = valuesOf(weight, await readTensor(tensor.replaceAll('{e}', String(e))));
    for (const value of values) parts.push(value);
  }
  return Float64Array.from(parts);
}

/** The part of a tensor that is a weight, after its last two axes are exchanged where they have to be. */
function valuesOf({ source, role }: WeightShape, { data, shape }: StoredTensor): Float64Array {
  const { transposed, rows, blocks } = source;
  const [inner = 1, outer = 1] = shape.slice(-2);
  const whole = transposed ? exchanged(data, inner, outer) : Float64Array.from(data);
  if (rows !== undefined) {
    const each = whole.length / ((transposed && shape.length === 2 ? outer : shape[0]) ?? 1);
    return whole.slice(rows[0] * each, rows[1] * each);
  }
  if (blocks === undefined) return whole;
  const width = role === 'vector' ? 1 : ((transposed ? inner : shape.at(-1)) ?? 1);
  return whole.filter((_, at) => {
    const inBlock = Math.floor(at / width) % blocks.stride;
    return blocks.from <= inBlock && inBlock < blocks.from + blocks.size;
  });
}

/** Matrices `[…, rows, columns]` as `[…, columns, rows]`. */
function exchanged(data: ArrayLike<number>, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: data.length }, (_, at) => {
    const [matrix, inMatrix] = [Math.floor(at / (rows * columns)), at % (rows * columns)];
    return data[matrix * rows * columns + (inMatrix % rows) * columns + Math.floor(inMatrix / rows)] as number;
  });
}
