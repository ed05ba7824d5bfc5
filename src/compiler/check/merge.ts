import type { OptionNode } from '../../../grammar/option.ts';
import { childOption, shortOf } from '../../../grammar/options.ts';
import { entryOf, type SpecEntry, type SpecMap, type SpecNode } from '../syntax/tree.ts';

/**
 * A map with the changes of another: maps are merged, lists, single values and named changes replace, and `none` takes an optional option
 * away.
 * Keys and values keep the places where they are written.
 */
export function mergeMaps(option: OptionNode | undefined, own: SpecMap, changes: SpecMap): SpecMap {
  const kept = own.entries.flatMap((entry) => {
    const change = entryOf(changes, entry.key);
    return change === undefined ? [entry] : mergeEntries(childOption(option, entry.key), entry, change);
  });
  const added = changes.entries
    .filter(({ key }) => entryOf(own, key) === undefined)
    .flatMap((entry) => addedEntry(childOption(option, entry.key), entry));
  return Object.freeze({ ...own, entries: Object.freeze([...kept, ...added]), parts: Object.freeze([own, changes]) });
}

function mergeEntries(option: OptionNode | undefined, own: SpecEntry, change: SpecEntry): readonly SpecEntry[] {
  if (option?.kind === 'overrides') return [{ ...change, value: withReplaced(own.value, change.value) }];
  if (isRemoval(option, change.value)) return [];
  const isWrittenOut = own.value.kind === 'map' || change.value.kind === 'map';
  const before = isWrittenOut ? writtenOut(option, own) : own.value;
  const after = isWrittenOut ? writtenOut(option, change) : change.value;
  if (after.kind !== 'map') return [change];
  if (before.kind !== 'map') return addedEntry(option, change);
  return [{ key: own.key, keySpan: own.keySpan, value: mergeMaps(option, before, after) }];
}

/** What is taken away within a new map was not there. */
function addedEntry(option: OptionNode | undefined, entry: SpecEntry): readonly SpecEntry[] {
  const { value } = entry;
  if (isRemoval(option, value)) return [];
  if (value.kind !== 'map' || option?.kind === 'overrides') return [entry];
  const nothing: SpecMap = { ...value, entries: [] };
  return [{ ...entry, value: mergeMaps(option, nothing, value) }];
}

/** Named changes keep their `none`, which is for what they change. */
function withReplaced(own: SpecNode, changes: SpecNode): SpecNode {
  if (own.kind !== 'map' || changes.kind !== 'map') return changes;
  const kept = own.entries.filter(({ key }) => entryOf(changes, key) === undefined);
  return Object.freeze({
    ...changes,
    entries: Object.freeze([...kept, ...changes.entries]),
    parts: Object.freeze([own, changes]),
  });
}

/** The map that a short form stands for. */
function writtenOut(option: OptionNode | undefined, { keySpan, value }: SpecEntry): SpecNode {
  const short = shortOf(option, value.kind);
  if (short === undefined) return value;
  return { kind: 'map', span: value.span, style: 'flow', entries: [{ key: short.key, keySpan, value }] };
}

/** Where `none` is a value of the option, it is that value. */
function isRemoval(option: OptionNode | undefined, value: SpecNode): boolean {
  if (value.kind !== 'scalar' || value.value !== 'none' || option === undefined || option.required) return false;
  if (option.kind === 'enum') return !option.values.includes('none');
  return option.kind !== 'number' || option.word !== 'none';
}
