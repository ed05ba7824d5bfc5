import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { BlockShape } from '../shaped-spec.ts';

/** `model.block`. Reports SCH004 (parts side by side, or a factor, where norms leave no place for them). */
export function resolveBlock(spec: BoundSpec, report: Report): BlockShape | undefined {
  const norms = spec.at('model.block.norms')?.value;
  const parallel = spec.at('model.block.parallel');
  const residualScale = spec.at('model.block.residual_scale');
  if (norms === undefined || parallel === undefined || residualScale === undefined) return undefined;
  if (parallel.value !== 'none' && norms !== 'pre') {
    const reason = `with \`norms: ${norms}\` the MLP needs what the attention has added`;
    const help = 'write `parallel: none`, or `norms: pre`';
    report('SCH004', parallel.span, { option: 'model.block.parallel', reason, help });
  }
  if (residualScale.value !== 1 && (norms === 'sandwich' || norms === 'output')) {
    const reason = `with \`norms: ${norms}\` a norm scales what is added`;
    const help = 'delete `residual_scale`, or write `norms: pre`';
    report('SCH004', residualScale.span, { option: 'model.block.residual_scale', reason, help });
  }
  return Object.freeze({ norms, parallel: parallel.value, residualScale: residualScale.value });
}
