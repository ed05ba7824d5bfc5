import validateSpec, { type SchemaError } from '../../../grammar/generated/validate-spec.js';
import type { OptionNode } from '../../../grammar/option.ts';
import { optionAt, shortOf } from '../../../grammar/options.ts';
import { axisWords, expectation } from '../../../grammar/words.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import { entryOf, nodeAt, type SpecNode, type SpecTree, toPlain } from '../syntax/tree.ts';
import { hintFor, reportForeignWindow } from './foreign-words.ts';
import { ourName } from './other-names.ts';
import { isSlip, suggest } from './suggest.ts';

/** A tree whose known options have values of their types, but for `invalid`, which have been reported. */
export interface ValidSpec {
  readonly tree: SpecTree;
  /** Paths of options with a refused or missing value, or of options that a misspelt key seems to mean. */
  readonly invalid: ReadonlySet<string>;
}

/** Reports SCH001 unknown key, SCH002 wrong value, SCH003 missing key, GQA004 the word `groups`, WIN001 a window in other words; each place once. */
export function checkSchema(tree: SpecTree, report: Report): ValidSpec {
  const invalid = new Set<string>();
  if (validateSpec(toPlain(tree))) {
    reportNoAttention(tree, invalid, report);
    return Object.freeze({ tree, invalid });
  }
  const errors = (validateSpec.errors ?? []).map((error) => ({ ...error, path: pathOf(error) }));
  for (const { keyword, path, params } of errors) {
    if (keyword === 'additionalProperties')
      reportUnknown(tree, path, String(params.additionalProperty), invalid, report);
  }
  for (const { keyword, path, params } of errors) {
    if (keyword === 'required') reportMissing(tree, path, String(params.missingProperty), invalid, report);
    else if (keyword !== 'additionalProperties' && keyword !== 'if') reportValue(tree, path, invalid, report);
  }
  reportNoAttention(tree, invalid, report);
  return Object.freeze({ tree, invalid });
}

/** Reports SCH005 for a map without any option of a spec. True when it is one. */
export function reportNoSpec(tree: SpecTree, report: Report): boolean {
  const options = optionAt([]);
  const known = options?.kind === 'map' ? Object.keys(options.entries) : [];
  if (tree.entries.some(({ key }) => known.includes(key))) return false;
  report('SCH005', firstKey(tree), {});
  return true;
}

/** Not `required` in the table: several attentions may stand in its place. */
function reportNoAttention(tree: SpecTree, invalid: Set<string>, report: Report): void {
  if (entryOf(tree, 'attention') === undefined && entryOf(tree, 'attentions') === undefined)
    reportMissing(tree, [], 'attention', invalid, report);
}

function pathOf({ instancePath }: SchemaError): readonly string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function reportUnknown(
  tree: SpecTree,
  path: readonly string[],
  key: string,
  invalid: Set<string>,
  report: Report,
): void {
  const place = path.length === 0 ? 'a spec' : `\`${path.join('.')}\``;
  const map = nodeAt(tree, path);
  const entry = entryOf(map, key);
  if (entry === undefined || map?.kind !== 'map') return;
  if (key === 'groups' || key === 'num_groups') {
    report('GQA004', entry.keySpan, { place });
    invalid.add('attention.kv_heads');
    return;
  }
  if (reportForeignWindow(map, entry, path, report)) {
    invalid.add('attention.mask.window');
    return;
  }
  const option = optionAt(path);
  const known = option?.kind === 'map' ? Object.keys(option.entries) : [];
  // A kind of layer may change what the spec has already.
  const written = map.parts?.find(({ entries }) => entries.some(({ keySpan }) => keySpan === entry.keySpan)) ?? map;
  const free = known.filter((name) => entryOf(written, name) === undefined);
  const ours = ourName(key, free);
  const hint = hintFor(key) ?? (ours?.here === undefined ? ours?.hint : undefined);
  const suggestion = hint === undefined ? (ours?.here ?? suggest(key, free)) : undefined;
  const title = `rename it to \`${suggestion}\``;
  const isSure = suggestion !== undefined && (suggestion === ours?.here || isSlip(key, suggestion));
  const fixes = isSure ? [{ title, edits: [{ span: entry.keySpan, text: suggestion }] }] : [];
  // The misspelt option is not also missing, and its default is not what was meant.
  if (suggestion !== undefined) invalid.add([...path, suggestion].join('.'));
  else if (ours !== undefined) invalid.add(ours.place);
  report('SCH001', entry.keySpan, { key: shorten(key), place, suggestion, hint, known }, [], fixes);
}

function reportMissing(
  tree: SpecTree,
  path: readonly string[],
  key: string,
  invalid: Set<string>,
  report: Report,
): void {
  const option = [...path, key].join('.');
  if (invalid.has(option)) return;
  invalid.add(option);
  report('SCH003', placeOf(tree, path), { option });
}

/** Where something is missing from a map: the key that holds it, the map itself in a list, or the start of the file. */
function placeOf(tree: SpecTree, path: readonly string[]): Span {
  const last = path.at(-1);
  const parent = nodeAt(tree, path.slice(0, -1));
  const item = parent?.kind === 'list' ? nodeAt(tree, path) : undefined;
  if (item !== undefined) return item.span;
  const holder = last === undefined ? undefined : entryOf(parent, last);
  return holder?.keySpan ?? firstKey(tree);
}

function firstKey(tree: SpecTree): Span {
  return tree.entries[0]?.keySpan ?? tree.span;
}

function reportValue(tree: SpecTree, path: readonly string[], invalid: Set<string>, report: Report): void {
  const name = path.join('.');
  const node = nodeAt(tree, path);
  if (invalid.has(name) || node === undefined) return;
  invalid.add(name);
  const holder = optionHolding(path);
  if (holder === undefined) return;
  invalid.add(holder.path.join('.'));
  const isItem = holder.path.length < path.length;
  const option = (isItem ? shortOf(holder.option, 'list')?.option : undefined) ?? holder.option;
  const values = option.kind === 'list' || option.kind === 'enum' ? option.values : [];
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  const suggestion = text === undefined ? undefined : (unquoted(text, option) ?? suggest(text, values));
  const expected = (isItem ? itemWords(option) : undefined) ?? expectation(option);
  const fixes =
    suggestion === undefined
      ? []
      : [{ title: `use \`${suggestion}\``, edits: [{ span: node.span, text: suggestion }] }];
  const hint = hintFor(path.at(-1) ?? '') ?? optionsIn(option);
  report('SCH002', valueSpan(tree, path, node), { option: shorten(name), expected, suggestion, hint }, [], fixes);
}

const optionsIn = (option: OptionNode): string | undefined =>
  option.kind === 'map' ? `options in it: ${Object.keys(option.entries).join(', ')}` : undefined;

/** What a text in quotes would be without them, where that is a value of the option's kind. YAML 1.1 has other words for true and false. */
function unquoted(text: string, { kind }: OptionNode): string | undefined {
  if (kind === 'boolean' && /^(?:yes|on)$/i.test(text)) return 'true';
  if (kind === 'boolean' && /^(?:no|off)$/i.test(text)) return 'false';
  const isMeant = kind === 'boolean' ? /^(?:true|false)$/ : kind === 'integer' ? /^\d+$/ : /^-?\d+(?:\.\d+)?$/;
  return ['boolean', 'integer', 'number'].includes(kind) && isMeant.test(text) ? text : undefined;
}

function itemWords(option: OptionNode): string | undefined {
  if (option.kind === 'words') return option.item;
  if (option.kind === 'numbers') return 'a number above 0';
  if (option.kind === 'axes') return axisWords(option);
  return option.kind === 'integers' ? 'an integer' : undefined;
}

/** An absent value has no text to point at: its key has. */
function valueSpan(tree: SpecTree, path: readonly string[], node: SpecNode): Span {
  return node.span.start === node.span.end ? placeOf(tree, path) : node.span;
}

/** The option whose value lies at a path, or holds it: items of lists and names have no option of their own. */
function optionHolding(
  path: readonly string[],
): { readonly path: readonly string[]; readonly option: OptionNode } | undefined {
  const own = optionAt(path);
  if (own !== undefined) return { path, option: own };
  const holder = path.slice(0, -1);
  const option = optionAt(holder);
  return option === undefined ? undefined : { path: holder, option };
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
