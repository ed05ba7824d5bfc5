import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { BoundSpec } from '../bind.ts';
import { type CheckpointHeader, quantizesEmbeddings, resolveQuantization } from '../weights/checkpoint.ts';
import { packingOf } from '../weights/packed-checkpoint.ts';

/** A packed checkpoint has the integers that the spec asks for, and no others: WGT015. Out: whether it has, or is not packed. */
export function checkPacking(spec: BoundSpec, checkpoint: CheckpointHeader, place: Span, report: Report): boolean {
  const packing = packingOf(checkpoint);
  const asked = resolveQuantization(spec);
  if (packing === undefined) return true;
  if (packing.dtype !== asked?.dtype || packing.group !== asked.group) {
    const written = spec.isWritten('weights.group') ? 'weights.group' : 'weights.dtype';
    report('WGT015', spec.isWritten(written) ? spec.keySpan(written) : place, { packing, asked });
    return false;
  }
  if (!checkpoint.tensors.has('embed.weight.scales') || quantizesEmbeddings(spec)) return true;
  const option = 'weights.embeddings';
  report('WGT015', spec.isWritten(option) ? spec.keySpan(option) : place, { packing, asked, table: true });
  return false;
}
