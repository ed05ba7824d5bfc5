import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { ValueResidualShape } from '../shaped-spec.ts';

/** Later layers mix in the values of the first: SCH004 where there are none. */
export function resolveValueResidual(spec: BoundSpec, report: Report): ValueResidualShape | undefined {
  if (!spec.isWritten('attention.value_residual') || spec.isInvalid('attention.value_residual')) return undefined;
  const layers = spec.at('model.layers')?.value;
  const isAlone = !spec.isWritten('model') && !spec.isInvalid('model');
  if (isAlone || layers === 1) {
    const reason = isAlone ? 'there is no `model` whose layers would share values' : 'the model has one layer';
    const args = { option: 'attention.value_residual', reason, help: 'delete `value_residual`' };
    report('SCH004', spec.keySpan('attention.value_residual'), args);
    return undefined;
  }
  const mix = spec.at('attention.value_residual.mix')?.value;
  return mix === undefined ? undefined : Object.freeze({ mix });
}
