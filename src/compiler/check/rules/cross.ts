import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import { deletionOf } from '../deletions.ts';
import type { AttentionShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';

/** Reports XAT001 (positions of another sequence) and SCH004 (cross-attention in a model). */
export function resolveCross(spec: BoundSpec, report: Report): AttentionShape['cross'] {
  if (!spec.isWritten('attention.cross') || hasGivenHeads(spec)) return undefined;
  if (spec.isWritten('model')) {
    const reason = 'the layers of a `model` have no context to attend to';
    const help = 'delete `cross`, or delete `model` and write `attention.hidden`';
    report('SCH004', spec.keySpan('attention.cross'), { option: 'attention.cross', reason, help });
    return undefined;
  }
  for (const path of positional) if (isOn(spec, path)) refuse(spec, path, 'compares positions', report);
  if (spec.at('attention.mask.documents')?.value === true)
    refuse(spec, 'attention.mask.documents', 'compares the documents of queries and keys', report);
  if (spec.at('attention.mask.padding')?.value === 'keys_and_queries')
    refuse(spec, 'attention.mask.padding', 'hides queries by the mask of the keys', report);
  const width = spec.at('attention.cross.width')?.value;
  return width === undefined ? undefined : Object.freeze({ width });
}

const positional = [
  'attention.mask.causal',
  'attention.mask.window',
  'attention.mask.chunk',
  'attention.mask.prefix',
  'attention.rope',
  'attention.alibi',
  'attention.t5_bias',
] as const;

function isOn(spec: BoundSpec, path: (typeof positional)[number]): boolean {
  return path === 'attention.mask.causal' ? spec.at(path)?.value === true : spec.isWritten(path);
}

function refuse(spec: BoundSpec, path: AnyPath, does: string, report: Report): void {
  const option = path.split('.').slice(1).join('.');
  const notes = [note(spec.keySpan('attention.cross'), 'keys come from a context')];
  const place = spec.keySpan(path);
  report('XAT001', place, { option, does }, notes, deletionOf(spec, path, place));
}
