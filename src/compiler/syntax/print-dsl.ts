import type { OptionNode } from '../../../grammar/option.ts';
import { childOption, isFlag, options } from '../../../grammar/options.ts';
import { wordPattern } from '../../../grammar/tokens.ts';
import { isProblem, parseExpression } from '../expression/parser.ts';
import {
  type EntryLayout,
  hasComments,
  type ItemLayout,
  isBlock,
  type Layout,
  type ListLayout,
  lineWidth,
  type MapLayout,
  type ScalarLayout,
} from './layout.ts';
import { formatNumber, quote } from './scalars.ts';

type Option = OptionNode | undefined;

interface Place {
  readonly option: Option;
  readonly path: readonly string[];
  readonly indent: number;
}

/** The `.gqa` text of a layout, with a line end at its end. */
export function printDslLayout(layout: MapLayout): string {
  const lines = interior(layout, { option: options, path: [], indent: 0 });
  return `${[...(layout.head === undefined ? [] : [layout.head]), ...lines].join('\n')}\n`;
}

/** Entries or items on lines of their own, and the comments at the end. */
function interior(layout: MapLayout | ListLayout, { option, path, indent }: Place): readonly string[] {
  const margin = ' '.repeat(indent);
  const parts = layout.kind === 'map' ? layout.entries : layout.items;
  const lines = parts.flatMap((part, index) => {
    const written = isEntry(part)
      ? entry(part, parts[index + 1], { option, path, indent })
      : value(part.value, { option, path: [...path, ''], indent }, margin.length);
    const [first = '', ...more] = [...written.slice(0, -1), `${written.at(-1) ?? ''}${remark(part.after)}`];
    return [...comments(part.before, margin), `${margin}${first}`, ...more];
  });
  return [...lines, ...comments(layout.end, margin)];
}

/** The lines of an entry, all but the first with their margin. */
function entry(part: EntryLayout, next: ItemLayout | undefined, place: Place): readonly string[] {
  const option = childOption(place.option, part.key);
  const key = keyText(part.key);
  if (standsAlone(part, option, next)) return [key];
  const path = [...place.path, part.key];
  const lines = value(part.value, { option, path, indent: place.indent }, place.indent + key.length + 1);
  return [`${key} ${lines[0] ?? ''}`, ...lines.slice(1)];
}

/** A flag is true by its name alone, unless a string comes next, which would be read as its value. */
function standsAlone({ value }: EntryLayout, option: Option, next: ItemLayout | undefined): boolean {
  if (value.kind !== 'scalar' || value.value !== true || !isFlag(option)) return false;
  return next === undefined || !isEntry(next) || !keyText(next.key).startsWith('"');
}

function value(layout: Layout, place: Place, column: number): readonly string[] {
  if (layout.kind === 'scalar') return [scalarText(layout, place.option)];
  if (!isBlock(layout, place.path)) {
    const line = inline(layout, place.option);
    const isLong = column + line.length > lineWidth;
    if (!isLong || isEmpty(layout)) return [line];
  }
  const [open, close] = layout.kind === 'map' ? '{}' : '[]';
  const lines = interior(layout, { ...place, indent: place.indent + 2 });
  return [`${open}${remark(layout.head)}`, ...lines, `${' '.repeat(place.indent)}${close}`];
}

/** In one line. Commas are not needed and read well. */
function inline(layout: Layout, option: Option): string {
  if (layout.kind === 'scalar') return scalarText(layout, option);
  if (layout.kind === 'list') return `[${layout.items.map((item) => inline(item.value, option)).join(', ')}]`;
  const entries = layout.entries.map((part, index) => {
    const child = childOption(option, part.key);
    const key = keyText(part.key);
    return standsAlone(part, child, layout.entries[index + 1]) ? key : `${key} ${inline(part.value, child)}`;
  });
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

function scalarText({ value }: ScalarLayout, option: Option): string {
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value !== 'string') return String(value);
  if (option?.kind === 'expression') return isPlainExpression(value) ? value : quote(value);
  // After a flag a word is the next option.
  return isFlag(option) ? quote(value) : keyText(value);
}

/** On one line, where nothing looks like a comment. What is no expression is reported as well from a string. */
function isPlainExpression(text: string): boolean {
  return /^\S(?:.*\S)?$/.test(text) && !isProblem(parseExpression(text));
}

function keyText(text: string): string {
  return isWord(text) ? text : quote(text);
}

const wholeWord = new RegExp(`^(?:${wordPattern.source})$`);

function isWord(text: string): boolean {
  return wholeWord.test(text) && text !== 'true' && text !== 'false' && text !== 'null';
}

function comments(lines: readonly string[], margin: string): readonly string[] {
  return lines.map((line) => (line === '' ? '' : `${margin}${line}`));
}

function remark(text: string | undefined): string {
  return text === undefined ? '' : ` ${text}`;
}

function isEntry(part: ItemLayout): part is EntryLayout {
  return 'key' in part;
}

function isEmpty(layout: MapLayout | ListLayout): boolean {
  return (layout.kind === 'map' ? layout.entries : layout.items).length === 0 && !hasComments(layout);
}
