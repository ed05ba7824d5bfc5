import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { BoundSpec } from '../bind.ts';
import { type CheckpointHeader, type CheckpointTensor, weightDtypeOf } from '../checkpoint.ts';
import type { WeightShape } from '../shaped-spec.ts';
import { suggest } from '../suggest.ts';
import type { SourcedTemplate } from '../weight-sources.ts';
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
  const present = one.weights.filter(({ source }) => checkpoint.tensors.has(source.tensor));
  const explained = tensorsOfFaults(checkpoint);
  const missing = one.weights.filter(
    ({ source }) => !checkpoint.tensors.has(source.tensor) && !explained.has(source.tensor),
  );
  const place = one.span ?? weightsPlace(spec);
  const [absent] = missing;
  if (absent !== undefined) {
    const { tensor } = absent.source;
    report('WGT001', place, {
      tensor,
      more: missing.length - 1,
      suggestion: suggest(tensor, unused),
    });
  }
  const found = present.flatMap((weight): readonly Found[] => {
    const tensor = checkpoint.tensors.get(weight.source.tensor);
    const shape = tensor === undefined ? undefined : readShape(weight, tensor, place, report);
    return tensor === undefined || shape === undefined ? [] : [{ weight, tensor, shape }];
  });
  const unusable = found.filter(({ tensor }) => weightDtypeOf(tensor.dtype) === undefined);
  const [bad] = unusable;
  if (bad !== undefined) {
    const { weight, tensor } = bad;
    report('WGT003', place, { tensor: weight.source.tensor, dtype: tensor.dtype, more: unusable.length - 1 });
  }
  return found;
}

/** The shape of the rows that are read; undefined when they do not exist (WGT005). */
function readShape(
  { source }: WeightShape,
  { shape }: CheckpointTensor,
  place: Span,
  report: Report,
): readonly number[] | undefined {
  if (source.rows === undefined) return shape;
  const [start, end] = source.rows;
  const [rows = 0, ...rest] = shape;
  if (end <= rows) return [end - start, ...rest];
  report('WGT005', place, { tensor: source.tensor, start, end, rows });
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
  const used = new Set(sourced.flatMap(({ weights }) => weights.map(({ source }) => source.tensor)));
  return [...checkpoint.tensors.keys()].filter((name) => !used.has(name) && !derivedTensor.test(name));
}

function reportUnused(spec: BoundSpec, unused: readonly string[], report: Report): void {
  if (unused.length === 0) return;
  report('WGT004', weightsPlace(spec), { tensors: unused.slice(0, namedAtMost), total: unused.length });
}
