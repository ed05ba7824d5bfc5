import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { insertEntry } from '../../syntax/edits.ts';
import type { BoundSpec, OptionPath } from '../bind.ts';
import type { HeadGroup } from '../shaped-spec.ts';

export interface ResolvedHeads {
  readonly group: HeadGroup;
  /** The option that the number of KV heads comes from. */
  readonly source: OptionPath;
}

/** H, K and G from `q_heads` and one of `kv_heads`, `one_kv_head`, `group_size`. Reports GQA001, GQA002, GQA003, SCH004. */
export function resolveHeads(spec: BoundSpec, report: Report): ResolvedHeads | undefined {
  const q = spec.at('attention.q_heads');
  const kv = spec.at('attention.kv_heads');
  const size = spec.at('attention.group_size');
  const one = spec.at('attention.one_kv_head')?.value === true;
  const order = spec.at('attention.group_order')?.value;
  if (one && kv !== undefined) {
    const notes = [note(spec.keySpan('attention.one_kv_head'), 'and here')];
    report('GQA002', spec.keySpan('attention.kv_heads'), { kvHeads: kv.value }, notes);
    return undefined;
  }
  if (size !== undefined && (one || kv !== undefined)) {
    const other = one ? 'attention.one_kv_head' : 'attention.kv_heads';
    const reason = `\`${other}\` gives the number of KV heads already`;
    const args = { option: 'attention.group_size', reason, help: 'delete one of the two' };
    report('SCH004', spec.keySpan('attention.group_size'), args, [note(spec.keySpan(other), 'given here')]);
    return undefined;
  }
  if (q === undefined || order === undefined || countOptions.some((path) => spec.isInvalid(path))) return undefined;
  const qHeads = q.value;
  const written = size ?? kv;
  if (written !== undefined && qHeads % written.value !== 0) {
    const divisors = divisorsOf(qHeads);
    const option = size === undefined ? 'kv_heads' : 'group_size';
    const fixes = divisors.map((divisor) => ({
      title: `use ${option} ${divisor}`,
      edits: [{ span: written.span, text: String(divisor) }],
    }));
    const notes = [note(q.span, `${qHeads} query heads`)];
    report('GQA001', written.span, { option, value: written.value, qHeads, divisors }, notes, fixes);
    return undefined;
  }
  const kvHeads = one ? 1 : size !== undefined ? qHeads / size.value : (kv?.value ?? qHeads);
  if (kvHeads > 1 && kvHeads < qHeads) reportOrder(spec, report);
  const group = Object.freeze({ qHeads, kvHeads, queriesPerKv: qHeads / kvHeads, order });
  return Object.freeze({ group, source: sourceOf(one, size !== undefined, kv !== undefined) });
}

/** The order is a default, and the names of the weights are those of a system with the other one. */
function reportOrder(spec: BoundSpec, report: Report): void {
  if (spec.isWritten('attention.group_order') || spec.isInvalid('attention.group_order')) return;
  for (const { value } of spec.names) {
    const [tensor] = value.kind === 'scalar' && typeof value.value === 'string' ? [value.value] : [];
    if (tensor === undefined || !/(^|\.)to_k\.weight$/.test(tensor)) continue;
    const map = spec.mapAround('attention.group_order');
    const fixes = (['interleaved', 'blocked'] as const).flatMap((order) =>
      map === undefined
        ? []
        : [{ title: `write \`group_order: ${order}\``, edits: [insertEntry(map, `group_order: ${order}`)] }],
    );
    report('GQA003', value.span, { tensor }, [], fixes);
    return;
  }
}

const countOptions = ['attention.kv_heads', 'attention.one_kv_head', 'attention.group_size'] as const;

function sourceOf(one: boolean, size: boolean, kv: boolean): OptionPath {
  if (one) return 'attention.one_kv_head';
  if (size) return 'attention.group_size';
  return kv ? 'attention.kv_heads' : 'attention.q_heads';
}

/** Ascending. */
function divisorsOf(value: number): readonly number[] {
  const all: number[] = [];
  for (let divisor = 1; divisor <= value; divisor += 1) if (value % divisor === 0) all.push(divisor);
  return all;
}
