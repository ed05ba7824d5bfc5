import type { MapPath, OptionTypes } from '../../../grammar/generated/spec-types.ts';
import type { MapOption, OptionNode } from '../../../grammar/option.ts';
import { options } from '../../../grammar/options.ts';
import type { Span } from '../source/source.ts';
import { entryOf, type SpecEntry, type SpecMap, type SpecNode, toPlain } from '../syntax/tree.ts';
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
 * unless written: the rule that resolves them gives the default.
 */
export interface BoundSpec {
  /** Undefined when the option is absent and has no default of its own, or was refused. */
  readonly at: <P extends OptionPath>(path: P) => Bound<OptionTypes[P]> | undefined;
  /** The option's key is in the spec, whatever its value. */
  readonly isWritten: (path: OptionPath | MapPath) => boolean;
  /** The option or a map around it was reported already: nothing follows from its absence. */
  readonly isInvalid: (path: OptionPath | MapPath) => boolean;
  /** No option was refused or missed: what the spec leaves out, it leaves out on purpose. */
  readonly isComplete: boolean;
  /** Of the key, else of the nearest key around it, else of the spec's first key. */
  readonly keySpan: (path: OptionPath | MapPath) => Span;
  /** The map that holds the option, when it is written as a map. For edits. */
  readonly mapAround: (path: OptionPath | MapPath) => SpecMap | undefined;
  /** Keys of `weights.names` as written. */
  readonly names: readonly SpecEntry[];
}

interface Slot {
  readonly bound?: Bound<unknown>;
  readonly written: boolean;
  readonly keySpan: Span;
  readonly around?: SpecMap;
}

export function bind({ tree, invalid }: ValidSpec): BoundSpec {
  const slots = new Map<string, Slot>();
  const first = tree.entries[0]?.keySpan ?? tree.span;
  bindMap(options, tree, [], first, invalid, slots);
  const namesNode = entryOf(entryOf(tree, 'weights')?.value, 'names')?.value;
  const names = namesNode?.kind === 'map' ? namesNode.entries : [];
  return Object.freeze({
    // The schema gave each option its declared type, and OptionTypes is generated from the same table.
    at: <P extends OptionPath>(path: P) => slots.get(path)?.bound as Bound<OptionTypes[P]> | undefined,
    isWritten: (path: string) => slots.get(path)?.written ?? false,
    isInvalid: (path: string) => isInvalidPath(path, invalid),
    isComplete: invalid.size === 0,
    keySpan: (path: string) => slots.get(path)?.keySpan ?? first,
    mapAround: (path: string) => slots.get(path)?.around,
    names: Object.freeze(
      names.filter(({ key, value }) => value.kind === 'scalar' && !invalid.has(`weights.names.${key}`)),
    ),
  });
}

function isInvalidPath(path: string, invalid: ReadonlySet<string>): boolean {
  const steps = path.split('.');
  return steps.some((_, index) => invalid.has(steps.slice(0, index + 1).join('.')));
}

function bindMap(
  option: MapOption,
  node: SpecNode | undefined,
  path: readonly string[],
  around: Span,
  invalid: ReadonlySet<string>,
  slots: Map<string, Slot>,
): void {
  const map = node?.kind === 'map' ? node : undefined;
  const isPresent = node !== undefined || option.presence === 'grouping';
  for (const [key, child] of Object.entries<OptionNode>(option.entries)) {
    const childPath = [...path, key];
    const name = childPath.join('.');
    const entry = entryOf(map, key) ?? shorthandEntry(option, key, node, around);
    const keySpan = entry?.keySpan ?? around;
    const held = map === undefined ? {} : { around: map };
    if (child.kind === 'map') {
      slots.set(name, { written: entry !== undefined, keySpan, ...held });
      bindMap(child, invalid.has(name) ? undefined : entry?.value, childPath, keySpan, invalid, slots);
      continue;
    }
    const bound = isPresent && !isInvalidPath(name, invalid) ? bindValue(child, entry, keySpan) : undefined;
    slots.set(name, { written: entry !== undefined, keySpan, ...held, ...(bound === undefined ? {} : { bound }) });
  }
}

function shorthandEntry(
  option: MapOption,
  key: string,
  node: SpecNode | undefined,
  around: Span,
): SpecEntry | undefined {
  return option.shorthand === key && node?.kind === 'scalar' ? { key, keySpan: around, value: node } : undefined;
}

function bindValue(option: OptionNode, entry: SpecEntry | undefined, around: Span): Bound<unknown> | undefined {
  if (entry !== undefined) {
    return Object.freeze({ value: toPlain(entry.value), origin: 'written', span: entry.value.span });
  }
  if (!('default' in option) || option.default === undefined) return undefined;
  return Object.freeze({ value: option.default, origin: 'default', span: around });
}
