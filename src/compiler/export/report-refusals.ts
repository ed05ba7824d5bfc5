import type { ShapedSpec } from '../check/shaped-spec.ts';
import { note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import type { HfRefusal } from './hf/export-hf.ts';
import type { OnnxRefusal } from './onnx/refusals.ts';

/** Reports OUT001 for each option that the graph does not have, where it is written. */
export function reportOnnxRefusals(shaped: ShapedSpec, refusals: readonly OnnxRefusal[], report: Report): void {
  for (const { option, detail, layer } of refusals)
    report('OUT001', placeOf(shaped, option, layer), { option, detail });
  if (shaped.model === undefined) report('OUT003', placeOf(shaped, 'attention'), {});
}

/** Reports OUT002, with what the nearest model type would compute instead, or OUT003. `asked`: the type was given. */
export function reportHfRefusal(shaped: ShapedSpec, { nearest }: HfRefusal, asked: boolean, report: Report): void {
  if (nearest === undefined) {
    report('OUT003', placeOf(shaped, 'attention'), {});
    return;
  }
  const notes = nearest.differences.map((difference) => note(undefined, `${nearest.type}: ${difference}`));
  report('OUT002', placeOf(shaped, 'name'), { asked, nearest: nearest.type }, notes);
}

/** Of the option, or of the nearest one around it; the spec's name where nothing of it is written. */
function placeOf({ spanOf }: ShapedSpec, option: string, layer?: number): Span {
  const steps = option.split('.');
  const around = steps.map((_, index) => steps.slice(0, steps.length - index).join('.'));
  const span = [...around, 'attention.q_heads', 'name'].map((path) => spanOf(path, layer)).find((one) => one);
  if (span === undefined) throw new Error('a spec that was checked has a name');
  return span;
}
