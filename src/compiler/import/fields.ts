import { suggest } from '../check/suggest.ts';
import { type ImportLog, say } from './draft.ts';

export type ConfigObject = Readonly<Record<string, unknown>>;

/** What a source's options are to the importer, apart from those that it reads. */
export interface FieldTable {
  /** Options that change the result and cannot be expressed, with the values that leave it unchanged. */
  readonly unsupported: Readonly<Record<string, readonly unknown[]>>;
  /** Options that matter in training only, or that change how and not what is computed. */
  readonly noEffect: readonly string[];
  /** Options that say nothing about the computation, or that only refine one of `unsupported`. */
  readonly silent: readonly string[];
}

/** Typed access to the fields of a config object. null counts as absent. Wrong types are noted, and read as absent. */
export interface FieldReader {
  readonly path: (key: string) => string;
  has(key: string): boolean;
  positiveInteger(key: string): number | undefined;
  /** Notes IMP005 when the field is absent. */
  requiredInteger(key: string): number | undefined;
  integerFrom(key: string, least: number): number | undefined;
  number(key: string): number | undefined;
  boolean(key: string, fallback: boolean): boolean;
  text(key: string): string | undefined;
  object(key: string): ConfigObject | undefined;
  list(key: string): readonly unknown[] | undefined;
  numbers(key: string): readonly number[] | undefined;
  /** A list of some of `known`; notes IMP002 for any other word. */
  words<T extends string>(key: string, known: readonly T[]): readonly T[] | undefined;
  /** The config has the field, be it null. */
  isWritten(key: string): boolean;
  /** Notes IMP005: the value of the field makes no sense beside the others. */
  refuse(key: string, problem: string): void;
  /** Notes every field that has not been read, as the table says. */
  finish(table: FieldTable): void;
}

export function isObject(value: unknown): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

function isNumbers(value: unknown): value is readonly number[] {
  return isList(value) && value.every((one) => typeof one === 'number' && Number.isFinite(one));
}

export function readFields(config: ConfigObject, path: (key: string) => string, log: ImportLog): FieldReader {
  const used = new Set<string>();

  function take<T>(key: string, what: string, accept: (value: unknown) => value is T): T | undefined {
    used.add(key);
    const value = Object.hasOwn(config, key) ? config[key] : undefined;
    if (value === undefined || value === null) return undefined;
    if (accept(value)) return value;
    say(log, 'IMP005', path(key), `${path(key)} is ${describe(value)}, expected ${what}`);
    return undefined;
  }

  const integerFrom = (key: string, least: number) =>
    take(key, `an integer of at least ${least}`, (v): v is number => Number.isSafeInteger(v) && Number(v) >= least);

  return {
    path,
    has: (key) => Object.hasOwn(config, key) && config[key] !== undefined && config[key] !== null,
    integerFrom,
    positiveInteger: (key) => integerFrom(key, 1),
    requiredInteger(key) {
      const given = Object.hasOwn(config, key) && config[key] !== null;
      if (!given) say(log, 'IMP005', path(key), `${path(key)} is missing: add it to the config`);
      return integerFrom(key, 1);
    },
    number: (key) => take(key, 'a finite number', (v): v is number => typeof v === 'number' && Number.isFinite(v)),
    boolean: (key, fallback) => take(key, 'true or false', (v): v is boolean => typeof v === 'boolean') ?? fallback,
    text: (key) => take(key, 'a string', (v): v is string => typeof v === 'string'),
    object: (key) => take(key, 'an object', isObject),
    list: (key) => take(key, 'a list', isList),
    numbers: (key) => take(key, 'a list of finite numbers', isNumbers),
    words<T extends string>(key: string, known: readonly T[]) {
      const words = take(key, 'a list', isList);
      const isKnown = (word: unknown): word is T => known.some((one) => one === word);
      const unknown = words?.find((word) => !isKnown(word));
      if (unknown !== undefined)
        say(log, 'IMP002', path(key), `${path(key)}: ${describe(unknown)} cannot be expressed in a spec yet`);
      return unknown === undefined ? words?.filter(isKnown) : undefined;
    },
    isWritten: (key) => Object.hasOwn(config, key),
    refuse(key, problem) {
      used.add(key);
      say(log, 'IMP005', path(key), `${path(key)} ${problem}`);
    },
    finish(table) {
      const known = [...used, ...Object.keys(table.unsupported), ...table.noEffect, ...table.silent];
      for (const [key, value] of Object.entries(config)) {
        if (!used.has(key)) noteUnread(key, value, known, table, path, log);
      }
    },
  };
}

function noteUnread(
  key: string,
  value: unknown,
  known: readonly string[],
  table: FieldTable,
  path: (key: string) => string,
  log: ImportLog,
): void {
  const place = path(key);
  if (Object.hasOwn(table.unsupported, key)) {
    if (isNothing(value) || table.unsupported[key]?.includes(value)) return;
    say(log, 'IMP002', place, `${place}: ${describe(value)} changes the result and cannot be expressed in a spec yet`);
  } else if (table.noEffect.includes(key)) {
    say(log, 'IMP004', place, `${place} has no effect on inference`);
  } else if (!table.silent.includes(key)) {
    const nearest = suggest(key, known);
    const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
    say(log, 'IMP001', place, `${place} is not a field that the importer knows${hint}`);
  }
}

const isNothing = (value: unknown): boolean =>
  value === null ||
  (isObject(value) && Object.keys(value).length === 0) ||
  (Array.isArray(value) && value.length === 0);

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
