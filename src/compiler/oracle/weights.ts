import type { WeightSource } from '../check/shaped-spec.ts';
import type { AttnModule } from '../ir/nodes.ts';
import { sizeOf } from './tensor.ts';

/** Values of one checkpoint tensor, or of the rows `[start, end)` of its first axis. */
export type WeightReader = (source: WeightSource) => ArrayLike<number> | Promise<ArrayLike<number>>;

/**
 * Reads every weight of the module. Out: values by canonical name, for `createOracle`.
 * @throws Error naming a tensor whose size is not that of the weight.
 */
export async function gatherWeights(
  module: AttnModule,
  readTensor: WeightReader,
): Promise<ReadonlyMap<string, Float64Array>> {
  const weights = new Map<string, Float64Array>();
  for (const { name, weight } of module.tensors.values()) {
    if (weight === undefined) continue;
    const values = Float64Array.from(await readTensor(weight.source));
    if (values.length !== sizeOf(weight.shape)) {
      throw new Error(
        `${weight.source.tensor} has ${values.length} values, ${name} [${weight.shape.join(', ')}] needs ${sizeOf(weight.shape)}`,
      );
    }
    weights.set(name, values);
  }
  return weights;
}
