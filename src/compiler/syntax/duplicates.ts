import { type Fix, note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import { deleteAt } from './edits.ts';
import { clip } from './numbers.ts';
import { type SpecEntry, type SpecMap, toPlain } from './tree.ts';

/** The map with the first entry of each key; reports SYN002 for the others. */
export function withoutDuplicates(written: SpecMap, report: Report): SpecMap {
  const firsts = new Map<string, number>();
  for (const [index, { key, keySpan }] of written.entries.entries()) {
    const first = firsts.get(key) ?? index;
    firsts.set(key, first);
    const earlier = written.entries[first];
    if (first === index || earlier === undefined) continue;
    const notes = [note(earlier.keySpan, 'first written here')];
    report('SYN002', keySpan, { key: clip(key) }, notes, deletions(written, first, index));
  }
  if (firsts.size === written.entries.length) return written;
  const entries = written.entries.filter(({ key }, index) => firsts.get(key) === index);
  return Object.freeze({ ...written, entries: Object.freeze(entries) });
}

/** Of two that say the same either may go; of others, which is meant is for the author to say. */
function deletions(map: SpecMap, first: number, second: number): readonly Fix[] {
  const [one, other] = [map.entries[first], map.entries[second]];
  if (one === undefined || other === undefined) return [];
  const isSame = JSON.stringify(toPlain(one.value)) === JSON.stringify(toPlain(other.value));
  const candidates = isSame ? [second] : [second, first];
  return candidates.flatMap((index) => {
    const edit = deleteAt(map, index);
    return edit === undefined ? [] : [{ title: titleOf(map.entries[index] ?? one), edits: [edit] }];
  });
}

function titleOf({ key, keySpan, value }: SpecEntry): string {
  const text = keySpan.file.text.slice(keySpan.start, value.span.end);
  return text.length > 60 || text.includes('\n') ? `delete this \`${clip(key)}\`` : `delete \`${text}\``;
}
