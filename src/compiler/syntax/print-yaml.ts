import {
  type EntryLayout,
  type ItemLayout,
  isBlock,
  type Layout,
  type ListLayout,
  lineWidth,
  type MapLayout,
  type ScalarLayout,
} from './layout.ts';
import { formatNumber, quote } from './scalars.ts';

/** The YAML text of a layout, with a line end at its end. */
export function printYamlLayout(layout: MapLayout): string {
  if (layout.entries.length === 0) return '{}\n';
  return `${[...(layout.head === undefined ? [] : [layout.head]), ...interior(layout, [], 0)].join('\n')}\n`;
}

/** Entries or items on lines of their own, and the comments at the end. */
function interior(layout: MapLayout | ListLayout, path: readonly string[], indent: number): readonly string[] {
  const margin = ' '.repeat(indent);
  const lines =
    layout.kind === 'map'
      ? layout.entries.flatMap((part) => entry(part, path, indent))
      : layout.items.flatMap((part) => item(part, [...path, ''], indent));
  return [...lines, ...comments(layout.end, margin)];
}

function entry({ key, ...part }: EntryLayout, around: readonly string[], indent: number): readonly string[] {
  const margin = ' '.repeat(indent);
  const path = [...around, key];
  const start = `${margin}${plainOrQuoted(key, blockText)}:`;
  const line = oneLine(part.value, path, start.length + 1);
  if (line !== undefined) {
    return [...comments(part.before, margin), `${start} ${line}${remark(part.after)}`];
  }
  const { head, before, layout } = opening(part);
  return [...comments(before, margin), `${start}${remark(head)}`, ...interior(layout, path, indent + 2)];
}

function item(part: ItemLayout, path: readonly string[], indent: number): readonly string[] {
  const margin = ' '.repeat(indent);
  const line = oneLine(part.value, path, indent + 2);
  if (line !== undefined) return [...comments(part.before, margin), `${margin}- ${line}${remark(part.after)}`];
  const { head, before, layout } = opening(part);
  const lines = interior(layout, path, indent + 2);
  // What stands beside the dash is an entry: comments before it go above the dash.
  const start = lines.findIndex((candidate) => !/^ *(?:#|$)/.test(candidate));
  const [first = '', ...rest] = lines.slice(Math.max(start, 0));
  const inner = lines.slice(0, Math.max(start, 0)).map((comment) => comment.trimStart());
  const above = [...before, ...(head === undefined ? [] : [head]), ...inner];
  return [...comments(above, margin), `${margin}- ${first.trimStart()}`, ...rest];
}

/** A value over several lines has no place behind its end: the comment from there goes behind its opening, or before it. */
function opening({ before, value, after }: ItemLayout): {
  readonly head: string | undefined;
  readonly before: readonly string[];
  readonly layout: MapLayout | ListLayout;
} {
  const layout: MapLayout | ListLayout = value.kind === 'scalar' ? { kind: 'list', items: [], end: [] } : value;
  if (layout.head === undefined || after === undefined) return { head: layout.head ?? after, before, layout };
  return { head: layout.head, before: [...before, after], layout };
}

/** Undefined when the value takes several lines. */
function oneLine(layout: Layout, path: readonly string[], column: number): string | undefined {
  if (layout.kind === 'scalar') return scalarText(layout, blockText);
  const isEmpty = (layout.kind === 'map' ? layout.entries : layout.items).length === 0;
  if (isBlock(layout, path)) return undefined;
  const line = inline(layout);
  return isEmpty || column + line.length <= lineWidth ? line : undefined;
}

function inline(layout: Layout): string {
  if (layout.kind === 'scalar') return scalarText(layout, flowText);
  if (layout.kind === 'list') return `[${layout.items.map(({ value }) => inline(value)).join(', ')}]`;
  if (layout.entries.length === 0) return '{}';
  const entries = layout.entries.map(({ key, value }) => `${plainOrQuoted(key, flowText)}: ${inline(value)}`);
  return `{ ${entries.join(', ')} }`;
}

function scalarText({ value }: ScalarLayout, plain: RegExp): string {
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'string' ? plainOrQuoted(value, plain) : String(value);
}

/** Texts that need no quotes, much narrower than YAML's rule. Brackets and braces of tensor names only outside of others. */
const flowText = /^[A-Za-z_][\w./-]*$/;
const blockText = /^[A-Za-z_](?:[\w./+*{}-]|\[\d+:\d+\])*$/;

function plainOrQuoted(text: string, plain: RegExp): string {
  return plain.test(text) && !/^(?:true|false|null)$/i.test(text) ? text : quote(text);
}

function comments(lines: readonly string[], margin: string): readonly string[] {
  return lines.map((line) => (line === '' ? '' : `${margin}${line}`));
}

function remark(text: string | undefined): string {
  return text === undefined ? '' : ` ${text}`;
}
