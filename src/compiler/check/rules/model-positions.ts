import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { LearnedPositions, SinusoidalPositions } from '../shaped-spec.ts';

/** `model.positions`. Reports OPT002 (settings of positions that are off), SCH004 (sines of an odd width). */
export function resolvePositions(
  spec: BoundSpec,
  report: Report,
): LearnedPositions | SinusoidalPositions | { readonly kind: 'none' } | undefined {
  const kind = spec.at('model.positions.kind');
  const scale = spec.at('model.positions.scale')?.value;
  const offset = spec.at('model.positions.offset')?.value;
  const pairing = spec.at('model.positions.pairing')?.value;
  if (kind === undefined) return undefined;
  reportWithoutEffect(spec, kind.value, report);
  if (scale === undefined || offset === undefined || pairing === undefined) return undefined;
  if (kind.value === 'none') return Object.freeze({ kind: 'none' });
  if (kind.value === 'learned') return Object.freeze({ kind: 'learned', scale, offset });
  const hidden = spec.at('model.hidden')?.value ?? 0;
  if (hidden % 2 !== 0) {
    const reason = `sines and cosines come in pairs, and \`hidden\` is ${hidden}`;
    const help = 'make `hidden` even, or use other positions';
    report('SCH004', kind.span, { option: 'model.positions.kind: sinusoidal', reason, help });
  }
  return Object.freeze({ kind: 'sinusoidal', scale, offset, pairing });
}

function reportWithoutEffect(spec: BoundSpec, kind: 'none' | 'learned' | 'sinusoidal', report: Report): void {
  const settings = { none: ['scale', 'offset', 'pairing'], learned: ['pairing'], sinusoidal: [] } as const;
  for (const setting of settings[kind]) {
    const option = `model.positions.${setting}` as const;
    if (spec.isWritten(option))
      report('OPT002', spec.keySpan(option), { option, reason: `\`positions.kind\` is ${kind}` });
  }
}
