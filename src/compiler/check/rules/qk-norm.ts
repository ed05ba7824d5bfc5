import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { QkNormShape } from '../shaped-spec.ts';

/** Options that only one kind of norm has: SCH004. Groups that do not divide D: NRM002. */
export function resolveQkNorm(spec: BoundSpec, headDim: number | undefined, report: Report): QkNormShape | undefined {
  const kind = spec.at('attention.qk_norm.kind')?.value;
  if (kind === undefined) return undefined;
  const groups = spec.at('attention.qk_norm.groups');
  const refused = kind === 'rms' ? 'groups' : 'unit_offset';
  if (spec.isWritten(`attention.qk_norm.${refused}`)) {
    const reason = kind === 'rms' ? 'an rms norm takes the head as a whole' : 'an l2 norm has no weight';
    const option = `attention.qk_norm.${refused}`;
    report('SCH004', spec.keySpan(`attention.qk_norm.${refused}`), { option, reason, help: `delete \`${refused}\`` });
  } else if (groups !== undefined && headDim !== undefined && headDim % groups.value !== 0) {
    report('NRM002', groups.span, { groups: groups.value, headDim });
  }
  return Object.freeze({
    kind,
    eps: spec.at('attention.qk_norm.eps')?.value ?? (kind === 'rms' ? 1e-6 : 1e-12),
    unitOffset: spec.at('attention.qk_norm.unit_offset')?.value ?? false,
    groups: groups?.value ?? 1,
  });
}
