import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { resolveExperts } from '../rules/experts.ts';
import type { MlpShape } from '../shaped-spec.ts';
import { mlpBiases } from './mlp-biases.ts';

/** Every option of `mlp`, resolved; undefined when a width could not be known. Reports SCH004, and what `resolveExperts` does. */
export function resolveMlp(spec: BoundSpec, report: Report): MlpShape | undefined {
  const kind = spec.at('mlp.kind')?.value;
  const width = spec.at('mlp.width')?.value;
  const biases = spec.at('mlp.biases')?.value;
  const activation = resolveActivation(spec, report);
  const experts = resolveExperts(spec, report);
  if (kind === undefined || activation === undefined || width === undefined || biases === undefined) return undefined;
  if (spec.isWritten('mlp.experts') && experts === undefined) return undefined;
  return Object.freeze({
    kind,
    activation,
    width,
    biases: mlpBiases(biases),
    ...(experts === undefined ? {} : { experts }),
  });
}

function resolveActivation(spec: BoundSpec, report: Report): MlpShape['activation'] | undefined {
  const activation = spec.at('mlp.activation');
  const limit = spec.at('mlp.clamp.limit')?.value;
  const alpha = spec.at('mlp.clamp.alpha')?.value;
  if (activation?.value !== 'clamped_swiglu') {
    if (activation !== undefined && spec.isWritten('mlp.clamp')) {
      const reason = `the activation is ${activation.value}`;
      const help = 'delete `clamp`, or write `activation: clamped_swiglu`';
      report('SCH004', spec.keySpan('mlp.clamp'), { option: 'mlp.clamp', reason, help });
    }
    return activation?.value;
  }
  if (spec.at('mlp.kind')?.value === 'plain') {
    const help = 'write another activation, or `kind: gated`';
    report('SCH004', activation.span, { option: 'mlp.activation: clamped_swiglu', reason: 'it needs a gate', help });
  }
  return limit === undefined || alpha === undefined
    ? undefined
    : Object.freeze({ kind: activation.value, limit, alpha });
}
