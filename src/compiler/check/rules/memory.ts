import { note } from '../../diagnostics/diagnostic.ts';
import { count } from '../../diagnostics/entry.ts';
import type { Report } from '../../diagnostics/report.ts';
import { deleteEntry, insertEntry } from '../../syntax/edits.ts';
import type { BoundSpec } from '../bind.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';

export interface Memory {
  readonly slots: number;
  /** Key norms apply to memory keys, those that do not say otherwise. */
  readonly normalized: boolean;
}

/** Reports MEM001 (head count), MEM006 (does a key norm apply), OPT002. Undefined without memory or when its size is unknown. */
export function resolveMemory(spec: BoundSpec, heads: ResolvedHeads | undefined, report: Report): Memory | undefined {
  if (!spec.isWritten('attention.memory_kv') || spec.isInvalid('attention.memory_kv')) return undefined;
  reportHeads(spec, heads, report);
  reportNormalized(spec, report);
  const slots = spec.at('attention.memory_kv.slots')?.value;
  const normalized = spec.at('attention.memory_kv.normalized')?.value === true;
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
  if (spec.isInvalid('attention.memory_kv.normalized')) return;
  if (spec.isWritten('attention.qk_norm') && hasGivenHeads(spec)) return;
  const items = Array.from({ length: spec.itemsOf('attention.qk_norm') }, (_, item) => item);
  if (spec.isInvalid('attention.qk_norm') || items.some((item) => isUnknown(spec, item))) return;
  const onKeys = items.filter((item) => spec.at('attention.qk_norm.k', item)?.value !== false);
  if (onKeys.length === 0) {
    const args = { option: 'attention.memory_kv.normalized', reason: 'there is no `qk_norm` on keys' };
    if (normalized?.value === true) report('OPT002', spec.keySpan('attention.memory_kv.normalized'), args);
    return;
  }
  const isSaid = onKeys.every((item) => spec.isWritten('attention.qk_norm.memory', item));
  if (normalized !== undefined || isSaid) return;
  const notes = [note(spec.keySpan('attention.qk_norm'), 'keys are normalised because of this')];
  const fixes = [true, false].flatMap((value) => {
    const edit = insertNormalized(spec, value);
    return edit === undefined ? [] : [{ title: `write \`normalized: ${value}\``, edits: [edit] }];
  });
  report('MEM006', spec.keySpan('attention.memory_kv'), {}, notes, fixes);
}

function isUnknown(spec: BoundSpec, item: number): boolean {
  const paths = ['attention.qk_norm.kind', 'attention.qk_norm.k', 'attention.qk_norm.memory'] as const;
  return paths.some((path) => spec.isInvalid(path, item));
}

function insertNormalized(spec: BoundSpec, value: boolean): ReturnType<typeof insertEntry> | undefined {
  const map = spec.mapAround('attention.memory_kv.normalized');
  if (map !== undefined) return insertEntry(map, `normalized: ${value}`);
  const slots = spec.at('attention.memory_kv.slots');
  if (slots === undefined) return undefined;
  const isDsl = spec.mapAround('attention.memory_kv')?.style === 'dsl';
  const entries = isDsl ? `slots ${slots.value} normalized ${value}` : `slots: ${slots.value}, normalized: ${value}`;
  return { span: slots.span, text: `{ ${entries} }` };
}
