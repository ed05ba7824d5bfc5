import type { Quantization, WeightShape } from '../shaped-spec.ts';
import type { CheckpointHeader, CheckpointTensor } from './checkpoint.ts';
import type { SourcedTemplate } from './sources.ts';

/**
 * How the matrices of a packed checkpoint are stored, which `gqac quantize` writes: the weights of a module under their own names, of
 * integers the codes, and the scales as `NAME.scales`. Undefined for other checkpoints.
 */
export function packingOf({ metadata }: CheckpointHeader): Quantization | undefined {
  const dtype = metadata?.get('quantization');
  const group = Number(metadata?.get('group'));
  const isKnown = (dtype === 'int8' || dtype === 'int4') && Number.isInteger(group) && group > 0;
  return metadata?.get('format') === 'gqac' && isKnown ? { dtype, group } : undefined;
}

/** Codes and scales that belong together as one tensor of the integers' dtype, so that its shape is that of the weight. */
export function unpacked(checkpoint: CheckpointHeader, packing: Quantization): CheckpointHeader {
  const tensors = new Map<string, CheckpointTensor>();
  const scalesOf = (name: string) => checkpoint.tensors.get(`${name}.scales`);
  for (const [name, tensor] of checkpoint.tensors) {
    const isScales = name.endsWith('.scales') && checkpoint.tensors.has(name.slice(0, -'.scales'.length));
    if (!isScales) tensors.set(name, joined(tensor, scalesOf(name), packing) ?? tensor);
  }
  return { ...checkpoint, tensors };
}

function joined(
  codes: CheckpointTensor,
  scales: CheckpointTensor | undefined,
  { dtype, group }: Quantization,
): CheckpointTensor | undefined {
  if (codes.dtype !== 'U8' || scales?.dtype !== 'F16') return undefined;
  const width = (codes.shape.at(-1) ?? 0) * (dtype === 'int4' ? 2 : 1);
  const outer = codes.shape.slice(0, -1);
  const isWhole = [...outer, width / group].join() === scales.shape.join();
  return isWhole ? { dtype, shape: [...outer, width] } : undefined;
}

/** A weight where a packed checkpoint has it. */
export const inPacked = (weight: WeightShape): WeightShape => ({ ...weight, source: { tensor: weight.name } });

/** Weights where a packed checkpoint has them, whatever `weights.names` says of the one that it was made of. */
export const allInPacked = (sourced: readonly SourcedTemplate[]): readonly SourcedTemplate[] =>
  sourced.map(({ template, layers, weights }) => ({
    template,
    layers,
    weights: weights.map(inPacked),
    isRefused: false,
  }));
