import type { Edit } from '../diagnostics/diagnostic.ts';
import { lineStartsOf, positionAt, spanOf } from '../source/positions.ts';
import type { SpecMap, SpecNode } from './tree.ts';

/** Deletes an entry: its whole lines in a block map, the entry and one comma in a flow map. */
export function deleteEntry(map: SpecMap, key: string): Edit | undefined {
  return deleteAt(
    map,
    map.entries.findIndex((entry) => entry.key === key),
  );
}

/** As `deleteEntry`, by its place in the map. None when its line has something else too, such as the dash of a list. */
export function deleteAt(map: SpecMap, index: number): Edit | undefined {
  const entry = map.entries[index];
  if (entry === undefined) return undefined;
  const { file } = entry.keySpan;
  if (map.style === 'block') {
    const starts = lineStartsOf(file);
    const from = starts[positionAt(file, entry.keySpan.start).line - 1] ?? entry.keySpan.start;
    if (file.text.slice(from, entry.keySpan.start).trim() !== '') return undefined;
    const to = starts[positionAt(file, endOf(entry.value)).line] ?? file.text.length;
    return { span: spanOf(file, from, to), text: '' };
  }
  const before = map.entries[index - 1];
  const after = map.entries[index + 1];
  const from = after === undefined && before !== undefined ? endOf(before.value) : entry.keySpan.start;
  return { span: spanOf(file, from, after === undefined ? endOf(entry.value) : after.keySpan.start), text: '' };
}

/** Where the text of a value ends: the span of a block may reach over comments and blank lines after it. */
function endOf(node: SpecNode): number {
  const { file, start, end } = node.span;
  const isBlock = node.kind === 'list' || (node.kind === 'map' && node.style === 'block');
  const parts = node.kind === 'map' ? node.entries.map(({ value }) => value) : node.kind === 'list' ? node.items : [];
  const last = parts.at(-1);
  if (isBlock && last !== undefined && file.text[start] !== '[') return endOf(last);
  return start + file.text.slice(start, end).trimEnd().length;
}

/** Adds an entry, given as `key: value`, to a map in its own style. */
export function insertEntry(map: SpecMap, yaml: string): Edit {
  const { file } = map.span;
  const text = map.style === 'dsl' ? yaml.replace(':', '') : yaml;
  const first = map.entries[0];
  if (map.style === 'block' && first !== undefined) {
    const { column } = positionAt(file, first.keySpan.start);
    return { span: spanOf(file, first.keySpan.start, first.keySpan.start), text: `${text}\n${' '.repeat(column - 1)}` };
  }
  const last = map.entries.at(-1);
  if (last === undefined) return { span: spanOf(file, map.span.start + 1, map.span.start + 1), text: ` ${text} ` };
  return { span: spanOf(file, last.value.span.end, last.value.span.end), text: `, ${text}` };
}
