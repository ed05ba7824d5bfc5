import { type Fix, note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { insertEntry } from '../../syntax/edits.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { AttentionShape } from '../shaped-spec.ts';

/** Reports CAP001 (a cap that is no cap, an order that is not said) and OPT002. */
export function resolveSoftcap(spec: BoundSpec, report: Report): AttentionShape['softcap'] {
  const cap = spec.at('attention.softcap');
  const order = spec.at('attention.logits_order')?.value;
  const biases = additive.filter((path) => spec.isWritten(path));
  if (cap === undefined || biases.length === 0) reportNeedlessOrder(spec, report);
  if (cap === undefined) return undefined;
  if (!(cap.value >= smallestNormal)) report('CAP001', cap.span, { cap: cap.value });
  const [bias] = biases;
  if (bias !== undefined && order === undefined && !spec.isInvalid('attention.logits_order')) {
    const notes = [note(spec.keySpan(bias), 'a bias is added to the logits')];
    report('CAP001', spec.keySpan('attention.softcap'), {}, notes, orderFixes(spec));
  }
  return Object.freeze({ cap: cap.value, order: order?.[0] === 'bias' ? 'bias-cap' : 'cap-bias' });
}

/** Smaller numbers are zero on some devices. */
const smallestNormal = 2 ** -126;

const additive = ['attention.alibi', 'attention.t5_bias', 'attention.bias'] as const satisfies readonly AnyPath[];

function reportNeedlessOrder(spec: BoundSpec, report: Report): void {
  const needed: readonly AnyPath[] = ['attention.softcap', ...additive];
  if (!spec.isWritten('attention.logits_order') || needed.some((path) => spec.isInvalid(path))) return;
  const lacking = spec.isWritten('attention.softcap') ? 'bias' : '`softcap`';
  const args = { option: 'attention.logits_order', reason: `there is no ${lacking}` };
  report('OPT002', spec.keySpan('attention.logits_order'), args);
}

function orderFixes(spec: BoundSpec): readonly Fix[] {
  const map = spec.mapAround('attention.logits_order');
  if (map === undefined) return [];
  return ['[cap, bias]', '[bias, cap]'].map((order) => ({
    title: `write \`logits_order: ${order}\``,
    edits: [insertEntry(map, `logits_order: ${order}`)],
  }));
}

/** Reports SCH003 and SCH004 (`k`), OPT002 (a sink that the normaliser ignores). */
export function resolveNormalizer(spec: BoundSpec, report: Report): AttentionShape['normalizer'] | undefined {
  const kind = spec.at('attention.normalizer.kind')?.value;
  const k = spec.at('attention.normalizer.k')?.value;
  if (kind === undefined) return undefined;
  if (kind === 'sigmoid' && spec.at('attention.sinks')?.value === true) {
    const reason = 'a sigmoid takes each logit by itself, a sink has nothing to share with';
    const notes = [note(spec.at('attention.normalizer.kind')?.span, 'sigmoid')];
    report('OPT002', spec.keySpan('attention.sinks'), { option: 'attention.sinks', reason }, notes);
  }
  if (kind === 'topk') {
    if (k !== undefined) return Object.freeze({ kind, k });
    const args = { option: 'attention.normalizer.k', because: '`topk` keeps so many logits of a row' };
    if (!spec.isInvalid('attention.normalizer.k')) report('SCH003', spec.keySpan('attention.normalizer'), args);
    return undefined;
  }
  if (spec.isWritten('attention.normalizer.k')) {
    const args = { option: 'attention.normalizer.k', reason: `${kind} takes all logits` };
    report('SCH004', spec.keySpan('attention.normalizer.k'), { ...args, help: 'delete `k`, or write `kind: topk`' });
  }
  return Object.freeze({ kind });
}

export function resolveBiasTensor(spec: BoundSpec): AttentionShape['biasTensor'] {
  const perBatch = spec.at('attention.bias.batch')?.value;
  const perHead = spec.at('attention.bias.heads')?.value;
  return perBatch === undefined || perHead === undefined ? undefined : Object.freeze({ perBatch, perHead });
}
