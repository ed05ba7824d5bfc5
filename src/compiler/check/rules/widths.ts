import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Bound, BoundSpec } from '../bind.ts';
import { type LatentWidths, latentWidths } from './latent.ts';

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
  const latent = latentWidths(spec);
  if (spec.isWritten('attention.mla') && hidden !== undefined) {
    return latent === undefined || hiddenUnknown ? undefined : widthsOfLatent(spec, latent, hidden.value, report);
  }
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
  return Object.freeze({ headDim, valueDim, hidden: hidden.value, ...outHiddenOf(spec, hidden.value) });
}

function outHiddenOf(spec: BoundSpec, hidden: number): Pick<Widths, 'outHidden'> {
  const outHidden = spec.at('attention.out_hidden')?.value ?? hidden;
  return outHidden === hidden ? {} : { outHidden };
}

/** D and Dv follow from `mla`, and may be written beside it. */
function widthsOfLatent(
  spec: BoundSpec,
  { nopeDim, ropeDim, valueDim }: LatentWidths,
  hidden: number,
  report: Report,
): Widths {
  const headDim = nopeDim + ropeDim;
  for (const [option, width] of [
    ['head_dim', headDim],
    ['value_dim', valueDim],
  ] as const) {
    const written = spec.at(`attention.${option}`);
    if (written === undefined || written.value === width) continue;
    const args = { option, here: written.value, there: width, place: 'in `mla`' };
    report('DIM002', written.span, args, [note(spec.keySpan('attention.mla'), `${option} ${width}`)]);
  }
  return Object.freeze({ headDim, valueDim, hidden, ...outHiddenOf(spec, hidden) });
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
