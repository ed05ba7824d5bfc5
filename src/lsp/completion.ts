import { type CompletionItem, CompletionItemKind } from 'vscode-languageserver/node';
import type { MapOption, OptionNode } from '../../grammar/option.ts';
import { optionAt, shortOf } from '../../grammar/options.ts';
import { expectation } from '../../grammar/words.ts';
import type { SourceFile } from '../compiler/source/source.ts';
import type { Parse, Syntax } from '../compiler/syntax/syntaxes.ts';
import type { SpecMap, SpecTree } from '../compiler/syntax/tree.ts';
import { optionText } from './option-text.ts';
import { namesFor, type Place, placeOfWord } from './places.ts';

/** Stands for the word that is being written; no option and no value has this name. */
const cursorWord = 'gqac_cursor';

/**
 * What may stand at an offset: options that the map around it does not have yet, or values of its option. A text that is being
 * written is mostly no spec yet, so it is read with a word in the cursor's place, and if need be without what follows.
 */
export function completionsAt(
  source: SourceFile,
  offset: number,
  { parse, syntax }: { readonly parse: Parse; readonly syntax: Syntax },
): readonly CompletionItem[] {
  const { before, after } = aroundWord(source.text, offset);
  for (const text of candidates(before, after, syntax)) {
    const tree = parse({ path: source.path, text }, () => undefined);
    const place = tree && placeOfWord(tree, cursorWord);
    if (tree === undefined || place === undefined) continue;
    return place.on === 'key' ? keysAt(place, after, syntax) : valuesAt(tree, place, before, { after, syntax });
  }
  return [];
}

function aroundWord(text: string, offset: number): { readonly before: string; readonly after: string } {
  return { before: text.slice(0, offset).replace(/\w*$/, ''), after: text.slice(offset).replace(/^\w*/, '') };
}

/** As a value or a bare key, then as a key with a value to come; with what follows, then without. */
function candidates(before: string, after: string, syntax: Syntax): readonly string[] {
  const words = syntax === 'dsl' || /^[ \t]*:/.test(after) ? [cursorWord] : [cursorWord, `${cursorWord}:`];
  const restOfLine = after.slice(0, after.indexOf('\n') + 1);
  return words.flatMap((word) => [
    before + word + after,
    before + word + restOfLine + closers(before + restOfLine),
    before + word + closers(before),
  ]);
}

/** What closes the brackets that a text leaves open. */
function closers(text: string): string {
  const open: string[] = [];
  for (const [bracket] of text.replace(/#.*|"[^"\n]*"|'[^'\n]*'/g, '').matchAll(/[[\]{}]/g)) {
    if (bracket === '{') open.push('}');
    else if (bracket === '[') open.push(']');
    else open.pop();
  }
  return open.reverse().join('');
}

/** Options of the map around a key, but for those that it has. */
function keysAt({ path, around }: Place, after: string, syntax: Syntax): readonly CompletionItem[] {
  const holder = path.slice(0, -1);
  const option = optionAt(holder);
  return option?.kind === 'map' ? keysOf(option, holder, around, colonAfter(after, syntax)) : [];
}

const colonAfter = (after: string, syntax: Syntax): string => (syntax === 'dsl' || /^[ \t]*:/.test(after) ? '' : ':');

function keysOf(
  option: MapOption,
  path: readonly string[],
  around: SpecMap | undefined,
  colon: string,
): readonly CompletionItem[] {
  const written = new Set(around?.entries.map(({ key }) => key));
  const free = Object.entries<OptionNode>(option.entries).filter(([key]) => !written.has(key));
  return free.map(([key, entry]) => ({
    label: key,
    kind: CompletionItemKind.Property,
    detail: expectation(entry),
    documentation: optionText(entry, [...path, key]),
    insertText: key + colon,
    // Required ones first.
    sortText: `${entry.required ? 0 : 1}${key}`,
  }));
}

/** Words that an option takes; where a map may begin on a line of its own, its options. */
function valuesAt(
  tree: SpecTree,
  { path, entry }: Place,
  before: string,
  { after, syntax }: { readonly after: string; readonly syntax: Syntax },
): readonly CompletionItem[] {
  const option = optionAt(path) ?? optionAt(path.slice(0, -1));
  if (option === undefined) return [];
  const isBelow = entry !== undefined && before.slice(entry.keySpan.end).includes('\n');
  if (option.kind === 'map' && isBelow) return keysOf(option, path, undefined, colonAfter(after, syntax));
  const short = shortOf(option, 'scalar') ?? shortOf(option, 'list');
  const words = [...wordsOf(short?.option ?? option), ...namesFor(tree, path).map(({ key }) => key)];
  return words.map((word) => ({ label: word, kind: CompletionItemKind.EnumMember, detail: path.join('.') }));
}

function wordsOf(option: OptionNode): readonly string[] {
  if (option.kind === 'boolean') return ['true', 'false'];
  if (option.kind === 'enum' || option.kind === 'list') return option.values;
  if (option.kind === 'axes') return option.names;
  return 'word' in option && option.word !== undefined ? [option.word] : [];
}
