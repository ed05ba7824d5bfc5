import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';

/** Parts of a spec that need or exclude each other: SCH003, SCH004; settings of parts that are off: OPT002. */
export function checkParts(spec: BoundSpec, report: Report): void {
  const hasModel = spec.isWritten('model');
  const hasMlp = spec.isWritten('mlp');
  if (hasModel && !hasMlp && !spec.isInvalid('mlp')) {
    report('SCH003', spec.keySpan('model'), { option: 'mlp', because: 'every layer of a model has one' });
  }
  if (hasMlp && !hasModel && !spec.isInvalid('model')) {
    const args = {
      option: 'mlp',
      reason: 'there is no `model` whose layers would have it',
      help: 'add `model`, or delete `mlp`',
    };
    report('SCH004', spec.keySpan('mlp'), args);
  }
  checkGateBias(spec, report);
  checkProjectionBiases(spec, report);
  const positions = spec.at('model.positions.kind');
  if (positions?.value === 'none' && spec.isWritten('model.positions.scale')) {
    const args = { option: 'model.positions.scale', reason: '`positions.kind` is none' };
    report('OPT002', spec.keySpan('model.positions.scale'), args);
  }
}

function checkGateBias(spec: BoundSpec, report: Report): void {
  const biases = spec.at('mlp.biases');
  if (spec.at('mlp.kind')?.value !== 'plain' || biases === undefined || !biases.value.includes('gate')) return;
  const args = {
    option: 'mlp.biases: gate',
    reason: 'a plain MLP has no gate',
    help: 'delete `gate`, or write `kind: gated`',
  };
  report('SCH004', biases.span, args);
}

function checkProjectionBiases(spec: BoundSpec, report: Report): void {
  const biases = spec.at('attention.biases');
  const hasInput = spec.isWritten('model') || spec.isWritten('attention.hidden') || spec.isInvalid('attention.hidden');
  if (hasInput || biases === undefined || biases.value.length === 0) return;
  const reason = 'without `model` or `hidden`, q, k and v are given and nothing is projected';
  const args = { option: 'attention.biases', reason, help: 'write `hidden`, or delete `biases`' };
  report('SCH004', spec.keySpan('attention.biases'), args);
}
