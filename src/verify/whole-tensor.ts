import type { StoredTensor } from '../compiler/oracle/weights.ts';
import type { Checkpoint } from '../runtime/abi1/checkpoint.ts';

/** For `gatherWeights`, which takes its parts by itself: what the device loads is compared with that. */
export async function wholeTensor(checkpoint: Checkpoint, name: string): Promise<StoredTensor> {
  return { data: await checkpoint.readFloat32(name), shape: checkpoint.info(name).shape };
}
