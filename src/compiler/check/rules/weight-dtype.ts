import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { resolveQuantization } from '../weights/checkpoint.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import { isQuantizable, type WeightTemplate } from '../weights/template.ts';

/** Reports OPT002 (a precision of matrices where there are none, a group of integers that there are not) and WGT014 (a group that does not divide). */
export function checkWeightDtype(spec: BoundSpec, sourced: readonly SourcedTemplate[], report: Report): void {
  const templates = sourced.map(({ template }) => template);
  const quantization = resolveQuantization(spec);
  const isInteger = quantization !== undefined || spec.isInvalid('weights.group');
  const stored = templates.filter(isInteger ? isQuantizable : ({ role }) => role === 'matrix');
  if (spec.isWritten('weights.dtype') && stored.length === 0) {
    const reason = 'the module has no matrices, and what else it has is f32';
    const kept = 'what the module has of matrices is never quantised';
    const isKept = templates.some(({ role }) => role === 'matrix');
    report('OPT002', spec.keySpan('weights.dtype'), { option: 'weights.dtype', reason: isKept ? kept : reason });
  }
  if (spec.isWritten('weights.group') && !isInteger && !spec.isInvalid('weights.dtype')) {
    const reason = 'only `dtype: int8` and `dtype: int4` have groups';
    report('OPT002', spec.keySpan('weights.group'), { option: 'weights.group', reason });
  }
  if (quantization !== undefined) checkGroup(spec, quantization.group, stored, report);
}

/** What the kernels are written for. */
const groups = [32, 64, 128];

function checkGroup(spec: BoundSpec, group: number, matrices: readonly WeightTemplate[], report: Report): void {
  const widthOf = ({ shape }: WeightTemplate) => shape.at(-1) ?? 1;
  const uneven = groups.includes(group) ? matrices.filter((one) => widthOf(one) % group > 0) : matrices;
  const [first] = uneven;
  if (first === undefined) return;
  const valid = groups.filter((one) => matrices.every((matrix) => widthOf(matrix) % one === 0));
  const written = spec.at('weights.group');
  const isWritten = written?.origin === 'written';
  const span = isWritten ? written.span : (spec.at('weights.dtype')?.span ?? spec.keySpan('weights.dtype'));
  const fixes = isWritten
    ? valid.map((one) => ({ title: `use group ${one}`, edits: [{ span, text: String(one) }] }))
    : [];
  const args = { group, weight: first.name, width: widthOf(first), valid };
  report('WGT014', span, args, [], fixes);
}
