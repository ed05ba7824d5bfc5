import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { checkGivenHeads } from './given-heads.ts';

/** Parts of a spec that need or exclude each other: SCH003, SCH004. */
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
  checkGivenHeads(spec, report);
  checkOutHidden(spec, report);
  checkModelInputs(spec, report);
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

function checkOutHidden(spec: BoundSpec, report: Report): void {
  if (!spec.isWritten('attention.out_hidden') || !spec.isWritten('model')) return;
  const reason = 'the output of a layer is added to its input';
  const args = { option: 'attention.out_hidden', reason, help: 'delete `out_hidden`' };
  report('SCH004', spec.keySpan('attention.out_hidden'), args);
}

/** A model is called with tokens alone: it has no input for a mask or a bias. */
function checkModelInputs(spec: BoundSpec, report: Report): void {
  if (!spec.isWritten('model')) return;
  const padding = spec.at('attention.mask.padding')?.value;
  if (padding !== undefined && padding !== 'none') {
    const reason =
      'a `model` is called with the tokens of each sequence, which may differ in number, and without a mask';
    const args = { option: 'attention.mask.padding', reason, help: 'delete `padding`' };
    report('SCH004', spec.keySpan('attention.mask.padding'), args);
  }
  if (spec.at('attention.mask.documents')?.value === true) {
    const reason = 'the sequences of a `model` are documents of their own';
    const help = 'delete `documents`: give each document as a sequence of the batch';
    report('SCH004', spec.keySpan('attention.mask.documents'), { option: 'attention.mask.documents', reason, help });
  }
  if (spec.isWritten('attention.bias')) {
    const reason = 'a `model` is called with tokens alone';
    const help = 'delete `bias`, or delete `model` and write `attention.hidden`';
    report('SCH004', spec.keySpan('attention.bias'), { option: 'attention.bias', reason, help });
  }
}
