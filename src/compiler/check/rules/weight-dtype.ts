import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { quantizesEmbeddings, resolveQuantization } from '../weights/checkpoint.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import { isQuantizable, type WeightTemplate } from '../weights/template.ts';

/** Reports OPT002 (a precision of matrices where there are none, what is said of integers that there are not) and WGT014 (a group that does not divide). */
export function checkWeightDtype(spec: BoundSpec, sourced: readonly SourcedTemplate[], report: Report): void {
  const templates = sourced.map(({ template }) => template);
  const quantization = resolveQuantization(spec);
  const isInteger = quantization !== undefined || spec.isInvalid('weights.group');
  const ofTokens = quantizesEmbeddings(spec);
  const stored = templates.filter((one) => (isInteger ? isQuantizable(one, ofTokens) : one.role === 'matrix'));
  if (spec.isWritten('weights.dtype') && stored.length === 0) {
    const reason = 'the module has no matrices, and what else it has is f32';
    const kept = 'what the module has of matrices is never quantised';
    const isKept = templates.some(({ role }) => role === 'matrix');
    report('OPT002', spec.keySpan('weights.dtype'), { option: 'weights.dtype', reason: isKept ? kept : reason });
  }
  for (const option of ['weights.group', 'weights.embeddings'] as const) {
    if (!spec.isWritten(option) || isInteger || spec.isInvalid('weights.dtype')) continue;
    const reason = 'only `dtype: int8` and `dtype: int4` make integers of matrices';
    report('OPT002', spec.keySpan(option), { option, reason });
  }
  if (isInteger && ofTokens && !templates.some(({ kept }) => kept === 'unless_asked')) {
    const reason = 'the module has no table of token embeddings';
    report('OPT002', spec.keySpan('weights.embeddings'), { option: 'weights.embeddings', reason });
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
