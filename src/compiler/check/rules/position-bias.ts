import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { AlibiShape, AttentionShape, T5Shape } from '../shaped-spec.ts';
import type { ResolvedHeads } from './heads.ts';

/** Reports POS001 (two additive schemes), POS002 (heads of ALiBi) and POS003 (buckets of T5). */
export function resolveBiasPosition(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): AttentionShape['biasPosition'] {
  const [alibi, t5] = ['attention.alibi', 'attention.t5_bias'] as const;
  if (spec.isWritten(alibi) && spec.isWritten(t5)) {
    report('POS001', spec.keySpan(t5), {}, [note(spec.keySpan(alibi), 'the other one')]);
    return undefined;
  }
  return resolveAlibi(spec, heads, report) ?? resolveT5(spec, report);
}

function resolveAlibi(spec: BoundSpec, resolved: ResolvedHeads | undefined, report: Report): AlibiShape | undefined {
  if (!spec.isWritten('attention.alibi') || spec.isInvalid('attention.alibi') || resolved === undefined)
    return undefined;
  const scale = spec.at('attention.alibi.scale')?.value;
  if (scale === undefined) return undefined;
  const { qHeads } = resolved.group;
  const written = spec.at('attention.alibi.heads');
  const heads = written?.value ?? qHeads;
  if (written !== undefined && heads > qHeads) report('POS002', written.span, { heads, qHeads });
  return Object.freeze({ kind: 'alibi', heads, scale });
}

function resolveT5(spec: BoundSpec, report: Report): T5Shape | undefined {
  const buckets = spec.at('attention.t5_bias.buckets');
  const distance = spec.at('attention.t5_bias.max_distance');
  const scale = spec.at('attention.t5_bias.scale')?.value;
  const causal = spec.at('attention.mask.causal')?.value;
  if (buckets === undefined || distance === undefined || scale === undefined) return undefined;
  if (causal === undefined || spec.isInvalid('attention.t5_bias.bidirectional')) return undefined;
  const bidirectional = spec.at('attention.t5_bias.bidirectional')?.value ?? !causal;
  const exact = exactBuckets(buckets.value, bidirectional);
  const place = buckets.origin === 'written' ? buckets : distance;
  if (exact < 1) report('POS003', place.span, { buckets: buckets.value, bidirectional });
  else if (distance.value <= exact) {
    const args = { buckets: buckets.value, bidirectional, exact, maxDistance: distance.value };
    report('POS003', distance.origin === 'written' ? distance.span : place.span, args);
  }
  return Object.freeze({
    kind: 't5',
    buckets: buckets.value,
    maxDistance: distance.value,
    scale,
    bidirectional,
  });
}

/** Buckets of one distance each: half of those of a direction. */
function exactBuckets(buckets: number, bidirectional: boolean): number {
  return Math.floor((bidirectional ? Math.floor(buckets / 2) : buckets) / 2);
}
