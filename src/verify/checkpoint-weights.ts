import type { AttnModule } from '../compiler/ir/nodes.ts';
import { gatherWeights } from '../compiler/oracle/weights.ts';
import type { Checkpoint } from '../runtime/abi1/checkpoint.ts';
import { isPacked } from '../runtime/abi1/packed-checkpoint.ts';
import { dequantize } from '../runtime/abi1/quantize.ts';
import { scalesName } from '../runtime/abi1/quantized-pieces.ts';
import { wholeTensor } from './whole-tensor.ts';

/**
 * The weights of a module for the oracle, by name. Those of a packed checkpoint are there under their own names; quantising what its
 * integers stand for gives the same integers, so that the oracle rounds nothing.
 */
export async function checkpointWeights(
  module: AttnModule,
  checkpoint: Checkpoint,
): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  if (!isPacked(checkpoint)) return gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  const weights = new Map<string, ArrayLike<number>>();
  for (const { name, weight } of module.tensors.values()) {
    if (weight === undefined) continue;
    if (weight.quantization === undefined) {
      weights.set(name, await checkpoint.readFloat32(name));
      continue;
    }
    const codes = await checkpoint.readBytes(name);
    const scales = new Uint16Array((await checkpoint.readBytes(scalesName(name))).slice().buffer);
    weights.set(name, dequantize({ codes, scales }, weight.quantization));
  }
  return weights;
}
