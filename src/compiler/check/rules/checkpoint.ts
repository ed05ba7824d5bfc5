import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { BoundSpec } from '../bind.ts';
import type { WeightShape } from '../shaped-spec.ts';
import { suggest } from '../suggest.ts';
import { type CheckpointHeader, type CheckpointTensor, weightDtypeOf } from '../weights/checkpoint.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import { blockRows, tensorParts } from '../weights/tensor-source.ts';
import type { CheckpointInput, Found } from './checkpoint-input.ts';
import { checkShapes } from './checkpoint-shapes.ts';
import { tensorsOfFaults } from './checkpoint-shards.ts';

/** Checkpoint against spec: WGT001 … WGT005, and the rules that a wrong shape is best explained by. Once for all layers that are alike. */
export function checkCheckpoint(
  spec: BoundSpec,
  checkpoint: CheckpointHeader,
  kinds: readonly { readonly input: CheckpointInput; readonly report: Report }[],
  report: Report,
): void {
  const sourced = kinds.flatMap(({ input }) => input.sourced);
  const unused = unusedTensors(sourced, checkpoint);
  for (const { input, report: reportKind } of kinds) {
    const found = new Map<SourcedTemplate, readonly Found[]>();
    for (const one of input.sourced) if (!one.isRefused) found.set(one, findTensors(one, unused, input, reportKind));
    checkShapes(input, found, reportKind);
  }
  if (!sourced.some(({ isRefused }) => isRefused)) reportUnused(spec, unused, report);
}

function findTensors(
  one: SourcedTemplate,
  unused: readonly string[],
  { spec, checkpoint }: CheckpointInput,
  report: Report,
): readonly Found[] {
  const explained = tensorsOfFaults(checkpoint);
  const isMissing = ({ source: { tensor } }: WeightShape) => !checkpoint.tensors.has(tensor) && !explained.has(tensor);
  const place = one.span ?? weightsPlace(spec);
  const parts = one.weights.map(tensorParts);
  const absent = parts.flat().find(isMissing);
  if (absent !== undefined) {
    const { tensor } = absent.source;
    report('WGT001', place, {
      tensor,
      more: parts.filter((ofWeight) => ofWeight.some(isMissing)).length - 1,
      suggestion: suggest(tensor, unused),
    });
  }
  const reportOnce = onceForEachCode(report);
  const found = parts.flat().flatMap((weight): readonly Found[] => {
    const tensor = checkpoint.tensors.get(weight.source.tensor);
    const shape = tensor === undefined ? undefined : readShape(weight, tensor, place, reportOnce);
    if (tensor === undefined || shape === undefined) return [];
    const counted = one.template.shape.slice(0, one.template.shape.length - weight.shape.length);
    return [{ weight, tensor, shape: [...counted, ...shape] }];
  });
  const unusable = found.filter(
    ({ tensor, weight }) => weightDtypeOf(tensor.dtype) === undefined && tensor.dtype !== weight.quantization?.dtype,
  );
  const [bad] = unusable;
  if (bad !== undefined) {
    const { weight, tensor } = bad;
    report('WGT003', place, { tensor: weight.source.tensor, dtype: tensor.dtype, more: unusable.length - 1 });
  }
  return found;
}

/** What is wrong in one layer is wrong in the others. */
function onceForEachCode(report: Report): Report {
  const told = new Set<string>();
  return (code, ...finding) => {
    if (!told.has(code)) report(code, ...finding);
    told.add(code);
  };
}

/** The shape of the part that is read; undefined when the tensor does not have it (WGT005, WGT013). */
function readShape(
  weight: WeightShape,
  tensor: CheckpointTensor,
  place: Span,
  report: Report,
): readonly number[] | undefined {
  const { transposed, rows, blocks, tensor: name } = weight.source;
  const shape = transposed ? [...tensor.shape.slice(0, -2), ...tensor.shape.slice(-2).reverse()] : tensor.shape;
  if (blocks !== undefined) {
    const found = blockRows(shape, weight.role);
    if (found === blocks.count * blocks.stride) {
      return weight.role === 'vector' ? weight.shape : [...weight.shape.slice(0, -1), shape.at(-1) ?? 1];
    }
    report('WGT013', place, { tensor: name, rows: found, count: blocks.count, stride: blocks.stride });
    return undefined;
  }
  if (rows === undefined) return shape;
  const [start, end] = rows;
  const [first = 0, ...rest] = shape;
  if (end <= first) return [end - start, ...rest];
  report('WGT005', place, { tensor: name, start, end, rows: first });
  return undefined;
}

/** Where the spec says which checkpoint it is. */
export function weightsPlace(spec: BoundSpec): Span {
  return spec.at('weights.file')?.span ?? spec.keySpan(spec.isWritten('weights') ? 'weights' : 'name');
}

/** Tables that some frameworks save along although they follow from the options. */
const derivedTensor = /(^|\.)(inv_freq$|rotary_emb(\.|$))/;
const namedAtMost = 5;

function unusedTensors(sourced: readonly SourcedTemplate[], checkpoint: CheckpointHeader): readonly string[] {
  const used = new Set(
    sourced.flatMap(({ weights }) => weights.flatMap(tensorParts).map(({ source }) => source.tensor)),
  );
  return [...checkpoint.tensors.keys()].filter((name) => !used.has(name) && !derivedTensor.test(name));
}

function reportUnused(spec: BoundSpec, unused: readonly string[], report: Report): void {
  if (unused.length === 0) return;
  report('WGT004', weightsPlace(spec), { tensors: unused.slice(0, namedAtMost), total: unused.length });
}
