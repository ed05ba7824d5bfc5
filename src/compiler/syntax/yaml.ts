import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import type { Report } from '../diagnostics/report.ts';
import { spanOf } from '../source/positions.ts';
import type { SourceFile, Span } from '../source/source.ts';
import { withoutDuplicates } from './duplicates.ts';
import { findBreach, limits, sizeBreach } from './limits.ts';
import { clip, numberProblem } from './numbers.ts';
import type { SpecEntry, SpecMap, SpecNode, SpecTree } from './tree.ts';
import { yamlHelp } from './yaml-help.ts';

/**
 * YAML 1.2 to a tree with a span on every key and value. Anchors and aliases are followed; merge keys, tags, several documents
 * and numbers that change when read are errors (SYN001 …). Undefined when the tree would be a guess.
 */
export function parseYaml(source: SourceFile, report: Report): SpecTree | undefined {
  const whole = spanOf(source, 0, 0);
  const tooLarge = sizeBreach(source.text);
  if (tooLarge !== undefined) {
    report('SYN003', whole, { limit: tooLarge });
    return undefined;
  }
  const breach = findBreach(source.text);
  if (breach !== undefined) {
    report('SYN003', spanOf(source, breach.offset, breach.offset + 1), { limit: breach.limit });
    return undefined;
  }
  const parsed = parseAllDocuments(source.text, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
  const documents: readonly Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  const [document, second] = documents;
  if (!reportProblems(source, documents, report)) return undefined;
  if (second !== undefined) {
    const start = Math.max(second.range[0], source.text.indexOf('---', document?.range[1] ?? 0));
    report('SYN006', spanOf(source, start, start + 3), {});
    return undefined;
  }
  return document === undefined ? notAMap(whole, 'empty', report) : new TreeBuilder(source, document, report).build();
}

function reportProblems(source: SourceFile, documents: readonly Document.Parsed[], report: Report): boolean {
  let sound = true;
  for (const { errors, warnings } of documents) {
    // One malformed place often makes the parser stumble again and again: the first says it.
    const [first] = errors;
    if (first !== undefined) {
      const help = yamlHelp[first.code];
      const problem = sentence(first.message);
      report('SYN001', problemSpan(source, first.pos), { problem, ...(help !== undefined && { help }) });
      return false;
    }
    for (const { code, pos, message } of warnings) {
      sound = false;
      const span = spanOf(source, pos[0], pos[1]);
      if (code === 'TAG_RESOLVE_FAILED') report('SYN004', span, { tag: clip(source.text.slice(span.start, span.end)) });
      else report('SYN001', span, { problem: sentence(message) });
    }
  }
  return sound;
}

/** What is missing at the end of the file is missing after the last text. */
function problemSpan(source: SourceFile, [start, end]: readonly [number, number]): Span {
  const textEnd = source.text.trimEnd().length;
  return start < textEnd ? spanOf(source, start, end) : spanOf(source, Math.max(textEnd - 1, 0), textEnd);
}

/** A message of the YAML library in our style. */
function sentence(message: string): string {
  const [line = ''] = message.split('\n');
  const text = line.replace(/[.:]$/, '');
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function notAMap(span: Span, found: string, report: Report): undefined {
  report('SYN007', span, { found });
  return undefined;
}

/** Thrown inside the builder when the document grows past a limit; never leaves this file. */
class TooLarge {
  readonly limit: string;
  constructor(limit: string) {
    this.limit = limit;
  }
}

class TreeBuilder {
  readonly #source: SourceFile;
  readonly #document: Document.Parsed;
  readonly #report: Report;
  /** The latest node of each anchor so far, and the node that each alias stood for where it is written. */
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Alias, Node>();
  #following = 0;
  #keys = 0;
  #nodes = 0;
  #sound = true;

  constructor(source: SourceFile, document: Document.Parsed, report: Report) {
    this.#source = source;
    this.#document = document;
    this.#report = report;
  }

  build(): SpecTree | undefined {
    const { contents } = this.#document;
    if (contents === null) return notAMap(this.#span(this.#document.range), 'empty', this.#report);
    try {
      const tree = this.#node(contents, 1);
      if (tree === undefined || !this.#sound) return undefined;
      if (tree.kind === 'map') return tree;
      const isEmpty = tree.kind === 'scalar' && tree.value === null;
      return notAMap(tree.span, isEmpty ? 'empty' : tree.kind === 'list' ? 'a list' : 'a single value', this.#report);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.#report('SYN003', this.#span(contents.range), { limit: error.limit });
      return undefined;
    }
  }

  /** `depth` counts followed aliases too, which ends an alias to its own parent; `#nodes` ends alias bombs. */
  #node(node: Node | null | undefined, depth: number, place?: Span): SpecNode | undefined {
    this.#nodes += 1;
    if (this.#nodes > limits.nodes) throw new TooLarge(`${limits.nodes} values, aliases followed`);
    if (depth > limits.depth) throw new TooLarge(`${limits.depth} levels of nesting, aliases followed`);
    const span = place ?? this.#span(node?.range);
    if (node === null || node === undefined) return Object.freeze({ kind: 'scalar', span, value: null, text: '' });
    if (isAlias(node)) return this.#alias(node, depth, span);
    if (node.tag !== undefined) {
      this.#sound = false;
      this.#report('SYN004', span, { tag: clip(node.tag) });
      return undefined;
    }
    if (this.#following === 0 && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node, depth, span);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item as Node, depth + 1));
      return Object.freeze({ kind: 'list', span, items: Object.freeze(items.filter((item) => item !== undefined)) });
    }
    return isScalar(node) ? this.#scalar(node.value, this.#span(node.range), span) : undefined;
  }

  /** Not `alias.resolve(document)`, which searches the whole document each time. */
  #alias(alias: Alias, depth: number, span: Span): SpecNode | undefined {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) {
      this.#sound = false;
      this.#report('SYN001', span, { problem: 'an alias needs its anchor earlier in the file' });
      return undefined;
    }
    this.#targets.set(alias, target);
    this.#following += 1;
    const node = this.#node(target, depth + 1, span);
    this.#following -= 1;
    return node;
  }

  #map(map: YAMLMap, depth: number, span: Span): SpecMap {
    const written = map.items.map((pair) => this.#entry(pair as Pair<Node, Node | null>, depth));
    const entries = Object.freeze(written.filter((entry) => entry !== undefined));
    const style = map.flow ? 'flow' : 'block';
    return withoutDuplicates(Object.freeze({ kind: 'map', span, style, entries }), this.#report);
  }

  #entry({ key, value }: Pair<Node, Node | null>, depth: number): SpecEntry | undefined {
    this.#keys += 1;
    if (this.#keys > limits.keys) throw new TooLarge(`${limits.keys} keys`);
    const keySpan = this.#span(key?.range);
    if (!isScalar(key) || typeof key.value !== 'string') {
      this.#refuse(keySpan, 'a key is the name of an option', 'write the key as plain text');
      return undefined;
    }
    if (key.value === '<<') {
      this.#refuse(keySpan, 'merge keys are not part of YAML 1.2', 'write the merged keys out');
      return undefined;
    }
    const end = this.#source.text.indexOf(':', keySpan.end) + 1 || keySpan.end;
    const place = value === null || isEmptyScalar(value) ? spanOf(this.#source, end, end) : undefined;
    const node = this.#node(value, depth + 1, place);
    return node === undefined ? undefined : Object.freeze({ key: key.value, keySpan, value: node });
  }

  #scalar(value: unknown, own: Span, span: Span): SpecNode | undefined {
    const text = this.#source.text.slice(own.start, own.end);
    if (typeof value === 'number') {
      const problem = numberProblem(text, value);
      if (problem !== undefined) {
        this.#sound = false;
        this.#report('SYN005', span, { text: clip(text), problem });
        return undefined;
      }
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === null) {
      return Object.freeze({ kind: 'scalar', span, value, text });
    }
    return undefined;
  }

  #refuse(span: Span, problem: string, help: string): void {
    this.#report('SYN008', span, { problem, help });
  }

  /** The value without the space and comments after it. */
  #span(range: readonly [number, number, number] | null | undefined): Span {
    return spanOf(this.#source, range?.[0] ?? 0, range?.[1] ?? 0);
  }
}

function isEmptyScalar(node: Node): boolean {
  return isScalar(node) && node.range?.[0] === node.range?.[1];
}
