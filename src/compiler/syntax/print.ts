import type { EntryLayout, Layout, MapLayout } from './layout.ts';
import { printYamlLayout } from './print-yaml.ts';

/** A spec as a plain value: maps, lists, strings, numbers and booleans. */
export type PrintableSpec = { readonly [key: string]: PrintableValue };
export type PrintableValue = string | number | boolean | readonly PrintableValue[] | PrintableSpec;

export interface PrintOptions {
  /** Comment lines at the top, without `#`. */
  readonly heading?: readonly string[];
  /** Remarks at the end of a line, by path of keys (`attention.rope`). */
  readonly comments?: ReadonlyMap<string, string>;
}

/** Spec YAML in the house form: keys in the order of the value, short maps and lists in one line, `1e6` rather than `1000000`. */
export function printYaml(spec: PrintableSpec, options: PrintOptions = {}): string {
  const heading = (options.heading ?? []).map((line) => `${comment(line)}\n`).join('');
  return heading + printYamlLayout(layoutOfMap(spec, '', options.comments ?? new Map()));
}

function layoutOfMap(spec: PrintableSpec, around: string, remarks: ReadonlyMap<string, string>): MapLayout {
  const entries = Object.entries(spec).map(([key, value]): EntryLayout => {
    const path = around === '' ? key : `${around}.${key}`;
    const remark = remarks.get(path);
    const after = remark === undefined ? {} : { after: comment(remark) };
    return { key, before: [], value: layoutOfValue(value, path, remarks), ...after };
  });
  return { kind: 'map', entries, end: [] };
}

function layoutOfValue(value: PrintableValue, path: string, remarks: ReadonlyMap<string, string>): Layout {
  if (isList(value)) {
    const items = value.map((item) => ({ before: [], value: layoutOfValue(item, '', new Map()) }));
    return { kind: 'list', items, end: [] };
  }
  return typeof value === 'object' ? layoutOfMap(value, path, remarks) : { kind: 'scalar', value };
}

function isList(value: PrintableValue): value is readonly PrintableValue[] {
  return Array.isArray(value);
}

function comment(text: string): string {
  return `# ${text.replace(/[\r\n]+/g, ' ')}`;
}
