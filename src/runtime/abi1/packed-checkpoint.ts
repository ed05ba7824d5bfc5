import type { Checkpoint } from './checkpoint.ts';
import type { WeightDecl } from './definition.ts';
import { CheckpointError } from './errors.ts';
import { type Quantized, quantizedOf } from './quantize.ts';

/**
 * A packed checkpoint has the weights of one module under their own names, whole and in the module's orientation; of quantised
 * matrices the codes (U8, two of int4 in a byte) and beside them the scales (F16, `NAME.scales`). Its metadata says so.
 */
export const packedMetadata = ({ dtype, group }: Quantized): ReadonlyMap<string, string> =>
  new Map([
    ['format', 'gqac'],
    ['quantization', dtype],
    ['group', String(group)],
  ]);

export const isPacked = ({ metadata }: Pick<Checkpoint, 'metadata'>): boolean => metadata.get('format') === 'gqac';

/**
 * The weights of a module as they lie in a checkpoint: in a packed one, where the module's own sources do not count.
 * @throws CheckpointError when the checkpoint is packed in another way than the module's weights are stored.
 */
export function placedIn(file: Checkpoint, weights: readonly WeightDecl[]): readonly WeightDecl[] {
  if (!isPacked(file)) return weights;
  const { metadata } = file;
  const [quantized] = weights.flatMap((weight) => quantizedOf(weight) ?? []);
  if (metadata.get('quantization') !== quantized?.dtype || metadata.get('group') !== String(quantized?.group)) {
    const packed = `${metadata.get('quantization')} in groups of ${metadata.get('group')}`;
    const needed = quantized === undefined ? 'the module has none' : `${quantized.dtype} of ${quantized.group}`;
    throw new CheckpointError(
      file.name,
      `its matrices are ${packed}, ${needed}: build the module with the same \`weights.dtype\` and \`weights.group\`, or load the checkpoint that it was made of`,
    );
  }
  return weights.map(({ name, shape, dtype, group, pitch }) => {
    const own = { name, shape, dtype, pitch, source: name };
    return group === undefined ? own : { ...own, group };
  });
}
