import type { Fix } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import { deleteEntry, insertEntry } from '../syntax/edits.ts';
import { entryOf, type SpecEntry, type SpecMap } from '../syntax/tree.ts';

/** Words of other systems for what has another name or place here, and what to write. */
const hints: ReadonlyMap<string, string> = new Map([
  ['sliding_window', 'write `mask: { window: … }`: both count the query’s own key'],
  [
    'precision',
    'write `weights: { dtype: … }` for matrices, `cache: { dtype: … }` for keys and values, and `cache: { ranges: … }` for those of some heads; sums are f32, but for `attention: { precision: { compute: … } }`',
  ],
  ['lengths', 'lengths are given with each call, as its `tokens` and `keys`: a spec says nothing of them'],
  ['gqac', 'it is the version of the language, which is 1 so far: another needs another gqac'],
  ['dropout', 'leave it out: a spec says what is computed, and not how it was learned'],
  ['is_causal', 'write `mask: { causal: true }`'],
]);

/** What to write in place of a key that other systems have, or that they give another kind of value. */
export function hintFor(key: string): string | undefined {
  return hints.get(key);
}

/** Windows that count the keys before the query’s own: x-transformers, FlashInfer. */
const pastOnly: ReadonlySet<string> = new Set(['max_attend_past', 'window_left']);

/** Reports WIN001 for a window in the words of a system that counts otherwise. True when the key is one. */
export function reportForeignWindow(map: SpecMap, entry: SpecEntry, path: readonly string[], report: Report): boolean {
  const place = path.join('.');
  if (!pastOnly.has(entry.key) || !(place === 'attention' || place === 'attention.mask')) return false;
  const value = entry.value.kind === 'scalar' ? entry.value.value : undefined;
  const window = typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value + 1 : undefined;
  report(
    'WIN001',
    entry.keySpan,
    { key: entry.key, window },
    [],
    window === undefined ? [] : fixes(map, entry, window, place),
  );
  return true;
}

function fixes(map: SpecMap, entry: SpecEntry, window: number, place: string): readonly Fix[] {
  const title = `write \`window: ${window}\``;
  const replace = (key: string, value: string) => [
    { span: entry.keySpan, text: key },
    { span: entry.value.span, text: value },
  ];
  if (place === 'attention.mask')
    return entryOf(map, 'window') === undefined ? [{ title, edits: replace('window', String(window)) }] : [];
  const mask = entryOf(map, 'mask')?.value;
  if (mask === undefined)
    return [{ title, edits: replace('mask', map.style === 'dsl' ? `{ window ${window} }` : `{ window: ${window} }`) }];
  const deletion = deleteEntry(map, entry.key);
  if (mask.kind !== 'map' || deletion === undefined || entryOf(mask, 'window') !== undefined) return [];
  return [{ title, edits: [deletion, insertEntry(mask, `window: ${window}`)] }];
}
