import { optionAt } from '../../../grammar/options.ts';
import { note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import type { SourceFile } from '../source/source.ts';
import { isPart, type Parse } from '../syntax/syntaxes.ts';
import {
  entryOf,
  nodeAt,
  type SpecEntry,
  type SpecMap,
  type SpecNode,
  type SpecScalar,
  type SpecTree,
} from '../syntax/tree.ts';
import { mergeMaps } from './merge.ts';
import { staysInside } from './rules/weights-file.ts';
import { suggest } from './suggest.ts';

/** A file that a spec includes, or why it cannot be had. */
export type Included = { readonly source: SourceFile; readonly parse: Parse } | { readonly problem: string };

/** What the path in `include` of a file means. */
export type ReadInclude = (path: string, from: SourceFile) => Included;

const mostFiles = 64;

/**
 * A spec with what it includes and uses merged beneath it: first the files, then the blocks, then its own. Its own `include` and
 * `use` stay, for the schema to look at. Reports INC001 (a file that cannot be had), INC002 (its path leaves the folder), INC003 (a
 * circle), INC004 (no such block), OPT002 (a block that nothing uses).
 */
export function expandSpec(tree: SpecTree, read: ReadInclude | undefined, report: Report): ExpandedSpec {
  if (!['include', 'use', 'blocks'].some((key) => entryOf(tree, key) !== undefined))
    return { tree, files: [tree], isWhole: true };
  const expansion = new Expansion(read, report);
  const expanded = expansion.expand(tree, []);
  reportIdleBlocks(tree, report);
  const own = tree.entries.filter(({ key }) => key === 'include' || key === 'use');
  return {
    tree: withFirst(expanded, tree, own),
    files: [tree, ...expansion.trees.values()],
    isWhole: expansion.isWhole,
  };
}

export interface ExpandedSpec {
  readonly tree: SpecTree;
  /** The spec and everything that it includes, as written. */
  readonly files: readonly SpecTree[];
  /** All that is included could be had. */
  readonly isWhole: boolean;
}

/** The paths that a file includes and that do not lead out of its folder. */
export function includesOf(tree: SpecTree): readonly string[] {
  return wordsAt(tree, 'include')
    .map(({ value }) => String(value))
    .filter(staysInside);
}

/** Beneath a map of parts: the blocks that it uses, in their order. */
export function withBlocks(map: SpecMap, blocks: SpecNode | undefined, report: Report): SpecMap {
  const used = wordsAt(map, 'use').flatMap((word) => blockOf(word, blocks, report));
  const [first, ...others] = used;
  if (first === undefined) return map;
  const beneath = others.reduce((merged, block) => mergeMaps(optionAt([]), merged, block), first);
  return mergeMaps(optionAt([]), beneath, map);
}

class Expansion {
  /** Included files by their paths. */
  readonly trees = new Map<string, SpecTree>();
  isWhole = true;
  readonly #read: ReadInclude | undefined;
  readonly #report: Report;
  #files = 0;

  constructor(read: ReadInclude | undefined, report: Report) {
    this.#read = read;
    this.#report = report;
  }

  /** `chain`: the `include`s that led here. */
  expand(tree: SpecTree, chain: readonly SpecScalar[]): SpecTree {
    const included = wordsAt(tree, 'include').flatMap((word) => this.#included(word, chain));
    const beneath = included.reduce<SpecTree | undefined>(
      (merged, one) => (merged === undefined ? one : mergeMaps(optionAt([]), merged, one)),
      undefined,
    );
    const blocks = blocksOf(beneath === undefined ? tree : mergeMaps(optionAt([]), beneath, tree));
    const own = without(withBlocks(tree, blocks, this.#report), ['include', 'use']);
    return beneath === undefined ? own : mergeMaps(optionAt([]), beneath, own);
  }

  #included(word: SpecScalar, chain: readonly SpecScalar[]): readonly SpecTree[] {
    const tree = this.#treeOf(word, chain);
    if (tree === undefined) this.isWhole = false;
    return tree === undefined ? [] : [this.expand(tree, [...chain, word])];
  }

  #treeOf(word: SpecScalar, chain: readonly SpecScalar[]): SpecTree | undefined {
    const path = String(word.value);
    const { span } = word;
    if (!staysInside(path)) {
      this.#report('INC002', span, { path: path.slice(0, 200) });
      return undefined;
    }
    this.#files += 1;
    const found = this.#files > mostFiles ? tooMany : (this.#read?.(path, span.file) ?? noFiles);
    if ('problem' in found) {
      this.#report('INC001', span, { path: path.slice(0, 200), problem: found.problem });
      return undefined;
    }
    const circle = [...chain, word].findIndex((one) => one.span.file.path === found.source.path);
    if (circle === -1) {
      const tree = this.trees.get(found.source.path) ?? found.parse(found.source, this.#report);
      if (tree !== undefined) this.trees.set(found.source.path, tree);
      return tree;
    }
    const notes = chain.slice(circle).map((one) => note(one.span, 'which is included here'));
    this.#report('INC003', span, { path: path.slice(0, 200) }, notes);
    return undefined;
  }
}

const tooMany: Included = { problem: `is one too many: a spec includes at most ${mostFiles}` };

const noFiles: Included = { problem: 'cannot be had: there are no files here, only this text' };

/** The words of an option that is one or a list of them; the schema reports anything else. */
function wordsAt(map: SpecMap, key: string): readonly SpecScalar[] {
  const value = entryOf(map, key)?.value;
  const items = value?.kind === 'list' ? value.items : value === undefined ? [] : [value];
  return items.filter((item): item is SpecScalar => item.kind === 'scalar' && typeof item.value === 'string');
}

export function blocksOf(tree: SpecTree): SpecNode | undefined {
  return nodeAt(tree, ['blocks']);
}

function blockOf(word: SpecScalar, blocks: SpecNode | undefined, report: Report): readonly SpecMap[] {
  const name = String(word.value);
  const block = entryOf(blocks, name)?.value;
  if (block?.kind === 'map') return [partsOf(block)];
  // A block that is no map has been reported.
  if (block !== undefined) return [];
  const known = blocks?.kind === 'map' ? blocks.entries.map(({ key }) => key) : [];
  const suggestion = suggest(name, known);
  const isPlain = suggestion !== undefined && /^[A-Za-z]\w*$/.test(suggestion);
  const fixes = isPlain ? [{ title: `use \`${suggestion}\``, edits: [{ span: word.span, text: suggestion }] }] : [];
  report('INC004', word.span, { name: name.slice(0, 60), suggestion, known }, [], fixes);
  return [];
}

/** Only `attention` and `mlp` are parts; the schema reports anything else. */
function partsOf(block: SpecMap): SpecMap {
  return {
    ...block,
    entries: block.entries.filter(({ key, value }) => ['attention', 'mlp'].includes(key) && value.kind === 'map'),
  };
}

function without(map: SpecMap, keys: readonly string[]): SpecMap {
  return { ...map, entries: map.entries.filter(({ key }) => !keys.includes(key)) };
}

/** What is written in the spec itself comes first: it is where something is missing. */
function withFirst(expanded: SpecTree, own: SpecTree, kept: readonly SpecEntry[]): SpecTree {
  const isOwn = ({ keySpan }: SpecEntry) => keySpan.file === own.span.file;
  const entries = [...kept, ...expanded.entries];
  const ordered = [...entries.filter(isOwn), ...entries.filter((entry) => !isOwn(entry))];
  return Object.freeze({ ...expanded, span: own.span, entries: Object.freeze(ordered) });
}

function reportIdleBlocks(tree: SpecTree, report: Report): void {
  const blocks = blocksOf(tree);
  const kinds = nodeAt(tree, ['layers', 'kinds']);
  const users = [tree, ...(kinds?.kind === 'map' ? kinds.entries.map(({ value }) => value) : [])];
  const used = new Set(
    users.flatMap((user) => (user.kind === 'map' ? wordsAt(user, 'use') : [])).map(({ value }) => value),
  );
  if (blocks?.kind !== 'map' || isPart(tree.span.file.path)) return;
  for (const { key, keySpan } of blocks.entries) {
    if (!used.has(key)) report('OPT002', keySpan, { option: `blocks.${key}`, reason: 'no `use` names it' });
  }
}
