import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { WeightShape } from '../shaped-spec.ts';

/** Reports OPT002: a precision of matrices where there are none. */
export function checkWeightDtype(spec: BoundSpec, weights: readonly WeightShape[], report: Report): void {
  if (!spec.isWritten('weights.dtype') || weights.some(({ role }) => role === 'matrix')) return;
  const reason = 'the module has no matrices, and what else it has is f32';
  report('OPT002', spec.keySpan('weights.dtype'), { option: 'weights.dtype', reason });
}
