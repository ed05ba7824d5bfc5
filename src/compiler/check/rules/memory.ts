import { note } from '../../diagnostics/diagnostic.ts';
import { count } from '../../diagnostics/entry.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { deleteEntry, insertEntry } from '../edits.ts';
import type { ResolvedHeads } from './heads.ts';

export interface Memory {
  readonly slots: number;
  readonly normalized: boolean;
}

/** Reports MEM001 (head count), MEM006 (does the key norm apply), OPT002. Undefined without memory or when its size is unknown. */
export function resolveMemory(spec: BoundSpec, heads: ResolvedHeads | undefined, report: Report): Memory | undefined {
  if (!spec.isWritten('attention.memory_kv') || spec.isInvalid('attention.memory_kv')) return undefined;
  reportHeads(spec, heads, report);
  reportNormalized(spec, report);
  const slots = spec.at('attention.memory_kv.slots')?.value;
  const hasNorm = spec.isWritten('attention.qk_norm');
  const normalized = hasNorm && spec.at('attention.memory_kv.normalized')?.value === true;
  return slots === undefined ? undefined : Object.freeze({ slots, normalized });
}

function reportHeads(spec: BoundSpec, heads: ResolvedHeads | undefined, report: Report): void {
  const written = spec.at('attention.memory_kv.heads');
  const map = spec.mapAround('attention.memory_kv.heads');
  if (written === undefined || heads === undefined || written.value === heads.group.kvHeads) return;
  const deletion = map === undefined ? undefined : deleteEntry(map, 'heads');
  const fixes = deletion === undefined ? [] : [{ title: 'delete `heads`', edits: [deletion] }];
  const args = { heads: written.value, kvHeads: heads.group.kvHeads, inCheckpoint: false };
  report('MEM001', written.span, args, [kvHeadsNote(spec, heads)], fixes);
}

/** Points at the line that the number of KV heads comes from. */
export function kvHeadsNote(spec: BoundSpec, { source, group }: ResolvedHeads): ReturnType<typeof note> {
  const key = spec.keySpan(source);
  const value = spec.at(source)?.span ?? key;
  const kvHeads = count(group.kvHeads, 'KV head');
  const why = source === 'attention.q_heads' ? `${kvHeads}, as many as query heads` : `${kvHeads} because of this`;
  return note({ file: key.file, start: key.start, end: value.end }, why);
}

function reportNormalized(spec: BoundSpec, report: Report): void {
  const normalized = spec.at('attention.memory_kv.normalized');
  if (spec.isInvalid('attention.memory_kv.normalized') || spec.isInvalid('attention.qk_norm')) return;
  if (!spec.isWritten('attention.qk_norm')) {
    const args = { option: 'attention.memory_kv.normalized', reason: 'there is no `qk_norm`' };
    if (normalized?.value === true) report('OPT002', spec.keySpan('attention.memory_kv.normalized'), args);
    return;
  }
  if (normalized !== undefined) return;
  const notes = [note(spec.keySpan('attention.qk_norm'), 'keys are normalised because of this')];
  const fixes = [true, false].flatMap((value) => {
    const edit = insertNormalized(spec, value);
    return edit === undefined ? [] : [{ title: `write \`normalized: ${value}\``, edits: [edit] }];
  });
  report('MEM006', spec.keySpan('attention.memory_kv'), {}, notes, fixes);
}

function insertNormalized(spec: BoundSpec, value: boolean): ReturnType<typeof insertEntry> | undefined {
  const map = spec.mapAround('attention.memory_kv.normalized');
  if (map !== undefined) return insertEntry(map, `normalized: ${value}`);
  const slots = spec.at('attention.memory_kv.slots');
  return slots === undefined
    ? undefined
    : { span: slots.span, text: `{ slots: ${slots.value}, normalized: ${value} }` };
}
