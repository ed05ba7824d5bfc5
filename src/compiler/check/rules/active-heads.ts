import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { AttentionShape } from '../shaped-spec.ts';
import type { ResolvedHeads } from './heads.ts';

/** Reports SCH002 (a head that there is not), SCH004 (mixed heads), OPT002 (all heads). */
export function resolveActiveHeads(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): AttentionShape['activeHeads'] {
  const active = spec.at('attention.heads.active');
  if (active === undefined || heads === undefined) return undefined;
  const option = 'attention.heads.active';
  const { qHeads } = heads.group;
  if ((spec.at('attention.head_mixing')?.value.length ?? 0) > 0) {
    const reason = 'mixing needs the scores of all heads';
    const notes = [note(spec.keySpan('attention.head_mixing'), 'heads are mixed here')];
    report('SCH004', spec.keySpan(option), { option, reason, help: 'delete `active` or `head_mixing`' }, notes);
    return undefined;
  }
  if (active.value === 'runtime') return 'runtime';
  if (active.value.some((head) => head >= qHeads)) {
    report('SCH002', active.span, { option, expected: `heads from 0 to ${qHeads - 1}` });
    return undefined;
  }
  if (active.value.length === qHeads) {
    report('OPT002', spec.keySpan(option), { option, reason: `it lists all ${qHeads} heads` });
    return undefined;
  }
  return Object.freeze([...active.value].sort((a, b) => a - b));
}
