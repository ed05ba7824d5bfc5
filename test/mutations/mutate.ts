import type { MapOption, OptionNode } from '../../grammar/option.ts';
import { childOption, optionAt } from '../../grammar/options.ts';

/** A spec as a plain value, as it is printed. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** A change of one option. */
export interface Mutation {
  /** What was done, for people. */
  readonly what: string;
  readonly spec: Plain;
}

type Path = readonly string[];

/** Changes, deletes or adds one option of a spec. `next` gives numbers in [0, 1). */
export function mutate(spec: Plain, next: () => number): Mutation {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)] as T;
  for (;;) {
    const kind = next();
    if (kind < 0.55) {
      const { path, value } = pick(leavesOf(spec, []));
      const changed = pick(otherValues(value, optionAt(path), next));
      if (changed === undefined || changed === value) continue;
      return { what: `${path.join('.')}: ${JSON.stringify(changed)}`, spec: withValue(spec, path, changed) };
    }
    if (kind < 0.7) {
      const path = pick(keysOf(spec, []));
      if (path.length > 0) return { what: `delete ${path.join('.')}`, spec: withValue(spec, path, undefined) };
      continue;
    }
    const place = pick(mapsOf(spec, []));
    const absent = Object.entries<OptionNode>(place.option.entries).filter(([key]) => !(key in place.map));
    if (absent.length === 0) continue;
    const [key, option] = pick(absent);
    const value = anyValue(option, next);
    const path = [...place.path, key];
    return { what: `add ${path.join('.')}: ${JSON.stringify(value)}`, spec: withValue(spec, path, value) };
  }
}

function isMap(value: Plain | undefined): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesOf(value: Plain): readonly (readonly [string, Plain])[] {
  if (Array.isArray(value)) return value.map((item: Plain, index) => [String(index), item] as const);
  return isMap(value) ? Object.entries(value) : [];
}

function leavesOf(value: Plain, path: Path): readonly { readonly path: Path; readonly value: Plain }[] {
  const entries = entriesOf(value);
  const isWhole = Array.isArray(value) && entries.every(([, item]) => typeof item !== 'object');
  if (typeof value !== 'object' || value === null || isWhole) return [{ path, value }];
  return entries.flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

function keysOf(value: Plain, path: Path): readonly Path[] {
  return [path, ...entriesOf(value).flatMap(([key, inner]) => keysOf(inner, [...path, key]))];
}

interface MapPlace {
  readonly path: Path;
  readonly map: { readonly [key: string]: Plain };
  readonly option: MapOption;
}

function mapsOf(value: Plain, path: Path): readonly MapPlace[] {
  const option = optionAt(path);
  const own = isMap(value) && option?.kind === 'map' ? [{ path, map: value, option }] : [];
  return [...own, ...entriesOf(value).flatMap(([key, inner]) => mapsOf(inner, [...path, key]))];
}

function withValue(spec: Plain, [key, ...rest]: Path, value: Plain | undefined): Plain {
  if (key === undefined) return value ?? null;
  const inner = entriesOf(spec).find(([name]) => name === key)?.[1];
  const changed = rest.length === 0 ? value : withValue(inner ?? {}, rest, value);
  if (Array.isArray(spec)) return spec.flatMap((item: Plain, at) => (String(at) === key ? (changed ?? []) : [item]));
  const entries = entriesOf(spec).filter(([name]) => name !== key);
  return Object.fromEntries(changed === undefined ? entries : [...entries, [key, changed]]);
}

/** Near the value, at the edges of what is allowed, and beyond them. */
function otherValues(value: Plain, option: OptionNode | undefined, next: () => number): readonly (Plain | undefined)[] {
  if (typeof value === 'number') {
    const near = [value + 1, value - 1, value * 2, Math.floor(value / 2), value * 3, value + 4, value / 3];
    const bounds = option?.kind === 'integer' ? [option.min, option.max, option.min - 1, option.max + 1] : [];
    return [...near, ...near, ...bounds, 0, 1, -1, 2.5, 1e30, 'none'];
  }
  if (typeof value === 'boolean') return [!value];
  if (Array.isArray(value)) {
    const without = value.filter((_, at) => at !== Math.floor(next() * value.length));
    return [without, [...value].reverse(), [...value, ...value], option === undefined ? [] : anyValue(option, next)];
  }
  return [option === undefined ? undefined : anyValue(option, next), 'none', `${String(value)}x`];
}

/** Mostly what the option takes, with small numbers, so that what comes of it is small. */
function anyValue(option: OptionNode, next: () => number): Plain {
  const small = () => 1 + Math.floor(next() * 9);
  switch (option.kind) {
    case 'integer':
      return next() < 0.1 && option.word !== undefined ? option.word : Math.max(option.min, small());
    case 'number':
      return next() < 0.2 && option.word !== undefined ? option.word : small() * (next() < 0.5 ? 1 : 0.1);
    case 'boolean':
      return next() < 0.8;
    case 'enum':
      return option.values[Math.floor(next() * option.values.length)] ?? '';
    case 'list':
      return option.values.filter(() => next() < 0.5);
    case 'numbers':
    case 'integers':
      return [small(), small()];
    case 'map':
      return mapValue(option, next);
    default:
      return 'other';
  }
}

/** What is required, the short form, or nothing. */
function mapValue(option: MapOption, next: () => number): Plain {
  const short = option.shorthand === undefined ? undefined : option.entries[option.shorthand];
  if (short !== undefined && next() < 0.5) return anyValue(short, next);
  const entries = Object.entries<OptionNode>(option.entries).filter(([, one]) => one.required || next() < 0.15);
  return Object.fromEntries(entries.map(([key]) => [key, anyValue(childOption(option, key) ?? option, next)]));
}
