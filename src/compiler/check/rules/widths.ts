import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Bound, BoundSpec } from '../bind.ts';

export interface Widths {
  /** Absent when q, k and v are given already split into heads. */
  readonly hidden?: number;
  /** Written only where it differs from `hidden`. */
  readonly outHidden?: number;
  readonly headDim: number;
  readonly valueDim: number;
}

/** hidden, D and Dv. Reports DIM001, DIM002, and SCH003 for a head_dim that cannot be derived. */
export function resolveWidths(spec: BoundSpec, report: Report): Widths | undefined {
  const hidden = resolveHidden(spec, report);
  const hiddenUnknown =
    spec.isInvalid('attention.hidden') ||
    spec.isInvalid('model.hidden') ||
    (spec.isWritten('model') && hidden === undefined);
  const written = spec.at('attention.head_dim');
  const q = spec.at('attention.q_heads');
  let headDim = written?.value;
  if (written === undefined) {
    if (spec.isInvalid('attention') || spec.isInvalid('attention.head_dim') || hiddenUnknown) return undefined;
    if (hidden === undefined) {
      const because = 'there is no `hidden` to derive it from';
      report('SCH003', spec.keySpan('attention'), { option: 'attention.head_dim', because });
      return undefined;
    }
    if (q === undefined) return undefined;
    if (hidden.value % q.value !== 0) {
      const notes = [note(hidden.span, 'hidden')];
      report('DIM001', q.span, { hidden: hidden.value, qHeads: q.value }, notes);
      return undefined;
    }
    headDim = hidden.value / q.value;
  }
  if (headDim === undefined || hiddenUnknown || spec.isInvalid('attention.value_dim')) return undefined;
  const valueDim = spec.at('attention.value_dim')?.value ?? headDim;
  if (hidden === undefined) return Object.freeze({ headDim, valueDim });
  const outHidden = spec.at('attention.out_hidden')?.value ?? hidden.value;
  const out = outHidden === hidden.value ? {} : { outHidden };
  return Object.freeze({ headDim, valueDim, hidden: hidden.value, ...out });
}

function resolveHidden(spec: BoundSpec, report: Report): Bound<number> | undefined {
  const ofModel = spec.at('model.hidden');
  const own = spec.at('attention.hidden');
  if (ofModel === undefined) return spec.isWritten('model') ? undefined : own;
  if (own !== undefined && own.value !== ofModel.value) {
    const args = { option: 'hidden', here: own.value, there: ofModel.value, place: 'in the model' };
    report('DIM002', own.span, args, [note(ofModel.span, `hidden ${ofModel.value}`)]);
  }
  return ofModel;
}
