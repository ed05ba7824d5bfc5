import type { MapPath, OptionTypes } from '../../../grammar/generated/spec-types.ts';
import type { MapOption, OptionNode } from '../../../grammar/option.ts';
import { options, shortOf } from '../../../grammar/options.ts';
import type { Span } from '../source/source.ts';
import { entryOf, nodeAt, type SpecEntry, type SpecMap, type SpecNode, toPlain } from '../syntax/tree.ts';
import type { ValidSpec } from './schema.ts';

export type OptionPath = keyof OptionTypes;

export interface Bound<T> {
  readonly value: T;
  readonly origin: 'written' | 'default';
  /** Of the value where it is written, else of the nearest key around it. */
  readonly span: Span;
}

/**
 * Every option, with where its value comes from. Options whose default depends on others (`derived` in the table) are absent here
 * unless written: the rule that resolves them gives the default. `item` counts the maps of an option that may be a list of
 * them (`maxItems` in the table); a single map is item 0.
 */
export interface BoundSpec {
  /** Undefined when the option is absent and has no default of its own, or was refused. */
  readonly at: <P extends OptionPath>(path: P, item?: number) => Bound<OptionTypes[P]> | undefined;
  /** The option's key is in the spec, whatever its value. */
  readonly isWritten: (path: AnyPath, item?: number) => boolean;
  /** The option or a map around it was reported already: nothing follows from its absence. */
  readonly isInvalid: (path: AnyPath, item?: number) => boolean;
  /** No option was refused or missed: what the spec leaves out, it leaves out on purpose. */
  readonly isComplete: boolean;
  /** How many maps are written for an option: 0 when it is absent, 1 unless it is a list. */
  readonly itemsOf: (path: MapPath) => number;
  /** Of the key, else of the nearest key or item of a list around it, else of the spec's first key. */
  readonly keySpan: (path: AnyPath, item?: number) => Span;
  /** The map that holds the option, when it is written as a map. For edits. */
  readonly mapAround: (path: AnyPath, item?: number) => SpecMap | undefined;
  /** Entries of `weights.names` as written, but for those that were refused. */
  readonly names: readonly SpecEntry[];
  /** What a map declares whose keys are the user's; undefined when any of it was refused. */
  readonly entriesOf: (path: OptionPath) => readonly SpecEntry[] | undefined;
}

export type AnyPath = OptionPath | MapPath;

interface Slot {
  readonly bound?: Bound<unknown>;
  readonly written: boolean;
  readonly keySpan: Span;
  readonly around?: SpecMap;
  readonly items?: number;
}

export function bind({ tree, invalid }: ValidSpec): BoundSpec {
  const slots = new Map<string, Slot>();
  const first = tree.entries[0]?.keySpan ?? tree.span;
  const refused = new Set([...invalid].map(withoutIndices));
  bindMap({ option: options, node: tree, prefix: '', item: 0, around: first }, refused, slots);
  const slotAt = (path: string, item = 0) => slots.get(slotName(path, item));
  const namesNode = nodeAt(tree, ['weights', 'names']);
  const names = namesNode?.kind === 'map' ? namesNode.entries : [];
  return Object.freeze({
    // The schema gave each option its declared type, and OptionTypes is generated from the same table.
    at: <P extends OptionPath>(path: P, item = 0) => slotAt(path, item)?.bound as Bound<OptionTypes[P]> | undefined,
    isWritten: (path: string, item = 0) => slotAt(path, item)?.written ?? false,
    isInvalid: (path: string, item = 0) => isRefused(path, item, refused),
    isComplete: invalid.size === 0,
    itemsOf: (path: string) => slotAt(path)?.items ?? 0,
    keySpan: (path: string, item = 0) => nearestKey(slots, path, item) ?? first,
    mapAround: (path: string, item = 0) => slotAt(path, item)?.around,
    names: Object.freeze(
      names.filter(({ key }) => {
        const path = `weights.names.${key}`;
        return !invalid.has(path) && ![...invalid].some((one) => one.startsWith(`${path}.`));
      }),
    ),
    entriesOf: (path: string) => {
      const isSound = [...invalid].every((one) => !`${one}.`.startsWith(`${path}.`));
      const map = isSound ? nodeAt(tree, path.split('.')) : undefined;
      return map?.kind === 'map' ? map.entries : isSound ? [] : undefined;
    },
  });
}

/** Options of a map that is absent have no slots of their own: their place is that of the map. */
function nearestKey(slots: ReadonlyMap<string, Slot>, path: string, item: number): Span | undefined {
  const slot = slots.get(slotName(path, item));
  const end = path.lastIndexOf('.');
  return slot !== undefined || end < 0 ? slot?.keySpan : nearestKey(slots, path.slice(0, end), item);
}

function slotName(path: string, item: number): string {
  return item === 0 ? path : `${path}#${item}`;
}

/** `attention.qk_norm.1.eps` is option `attention.qk_norm.eps` of item 1. */
function withoutIndices(path: string): string {
  const index = /\.(\d+)(?=\.|$)/.exec(path);
  return index === null ? path : slotName(path.replace(index[0], ''), Number(index[1]));
}

function isRefused(path: string, item: number, refused: ReadonlySet<string>): boolean {
  if (refused.size === 0) return false;
  const steps = path.split('.');
  const prefixes = steps.map((_, index) => steps.slice(0, index + 1).join('.'));
  return prefixes.some((prefix) => refused.has(prefix) || refused.has(slotName(prefix, item)));
}

interface MapPlace {
  readonly option: MapOption;
  readonly node: SpecNode | undefined;
  /** Of the paths of its options: `attention.rope.`. */
  readonly prefix: string;
  readonly item: number;
  readonly around: Span;
}

function bindMap(place: MapPlace, refused: ReadonlySet<string>, slots: Map<string, Slot>): void {
  const { option, node, prefix, item, around } = place;
  const map = node?.kind === 'map' ? node : undefined;
  const isPresent = node !== undefined || option.presence === 'grouping';
  for (const [key, child] of Object.entries<OptionNode>(option.entries)) {
    const name = prefix + key;
    const entry = entryOf(map, key) ?? shorthandEntry(option, key, node, around);
    const keySpan = entry?.keySpan ?? around;
    const holder = map && mapHolding(map, entry);
    const slot = { written: entry !== undefined, keySpan, ...(holder === undefined ? {} : { around: holder }) };
    const isKnown = !isRefused(name, item, refused);
    if (child.kind === 'map') {
      const inner = { option: child, prefix: `${name}.` };
      const nodes = itemsOf(child, isKnown ? entry?.value : undefined);
      slots.set(slotName(name, item), { ...slot, items: nodes.length });
      for (const [index, { node: held, span }] of nodes.entries())
        bindMap({ ...inner, node: held, item: index, around: span ?? keySpan }, refused, slots);
      if (nodes.length === 0 && hasDefaults(child))
        bindMap({ ...inner, node: undefined, item: 0, around: keySpan }, refused, slots);
      continue;
    }
    const bound = isPresent && isKnown ? bindValue(child, entry, keySpan) : undefined;
    slots.set(slotName(name, item), { ...slot, ...(bound === undefined ? {} : { bound }) });
  }
}

const withDefaults = new Map<MapOption, boolean>();

/** Some options in the map are there although it is not written. Specs leave most maps out. */
function hasDefaults(option: MapOption): boolean {
  const known = withDefaults.get(option);
  if (known !== undefined) return known;
  const children = Object.values<OptionNode>(option.entries);
  const found = option.presence === 'grouping' || children.some((child) => child.kind === 'map' && hasDefaults(child));
  withDefaults.set(option, found);
  return found;
}

/** Where an entry can be edited; a merged map has no place of its own for a new one. */
function mapHolding(map: SpecMap, entry: SpecEntry | undefined): SpecMap | undefined {
  if (map.parts === undefined) return map;
  return map.parts.findLast((part) => entry !== undefined && part.entries.includes(entry));
}

interface ItemNode {
  readonly node: SpecNode;
  /** For an item of a list: where it stands. */
  readonly span?: Span;
}

function itemsOf(option: MapOption, node: SpecNode | undefined): readonly ItemNode[] {
  if (node === undefined) return [];
  if (option.maxItems === undefined || node.kind !== 'list') return [{ node }];
  return node.items.map((item) => ({ node: item, span: item.span }));
}

function shorthandEntry(
  option: MapOption,
  key: string,
  node: SpecNode | undefined,
  around: Span,
): SpecEntry | undefined {
  return node !== undefined && shortOf(option, node.kind)?.key === key
    ? { key, keySpan: around, value: node }
    : undefined;
}

function bindValue(option: OptionNode, entry: SpecEntry | undefined, around: Span): Bound<unknown> | undefined {
  if (entry !== undefined) {
    return Object.freeze({ value: toPlain(entry.value), origin: 'written', span: entry.value.span });
  }
  if (!('default' in option) || option.default === undefined) return undefined;
  return Object.freeze({ value: option.default, origin: 'default', span: around });
}
