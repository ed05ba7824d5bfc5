import type { CstElement, CstNode, IToken } from 'chevrotain';
import { unquote } from '../../../grammar/tokens.ts';
import type { Report } from '../diagnostics/report.ts';
import { spanOf } from '../source/positions.ts';
import type { SourceFile, Span } from '../source/source.ts';
import { withoutDuplicates } from './duplicates.ts';
import { limits } from './limits.ts';
import { clip, dslNumber, numberProblem } from './numbers.ts';
import type { SpecEntry, SpecMap, SpecNode, SpecScalar, SpecTree } from './tree.ts';

/** The tree of a text that the grammar accepts, unless it has too much of something, or a number or string that is none. */
export function buildTree(source: SourceFile, cst: CstNode, report: Report): SpecTree | undefined {
  const builder = new TreeBuilder(source, report);
  const entries = builder.entries(cst);
  const [first] = entries;
  const last = entries.at(-1);
  const span = spanOf(source, first?.keySpan.start ?? 0, last?.value.span.end ?? 0);
  const map = withoutDuplicates(mapOf(span, entries), report);
  return builder.isSound ? map : undefined;
}

class TreeBuilder {
  isSound = true;
  readonly #source: SourceFile;
  readonly #report: Report;
  #keys = 0;
  #nodes = 0;

  constructor(source: SourceFile, report: Report) {
    this.#source = source;
    this.#report = report;
  }

  entries(around: CstNode): readonly SpecEntry[] {
    const entries = nodesOf(around, 'entry').map((node) => this.#entry(node));
    return entries.filter((entry) => entry !== undefined);
  }

  #entry(node: CstNode): SpecEntry | undefined {
    const token = tokenIn(nodesOf(node, 'key')[0]);
    if (token === undefined) return undefined;
    this.#keys += 1;
    if (this.#keys > limits.keys) return this.#tooMany(token, `${limits.keys} keys`);
    const keySpan = this.#span(token);
    const key = this.#text(token);
    const [written] = nodesOf(node, 'value');
    const value = written === undefined ? this.#flag(token) : this.#value(written);
    return key === undefined || value === undefined ? undefined : Object.freeze({ key, keySpan, value });
  }

  #flag(token: IToken): SpecScalar {
    this.#nodes += 1;
    return Object.freeze({ kind: 'scalar', span: this.#span(token), value: true, text: token.image });
  }

  #value(node: CstNode): SpecNode | undefined {
    const [element] = Object.values(node.children).flat();
    if (element === undefined) return undefined;
    const start = firstToken(element);
    this.#nodes += 1;
    if (this.#nodes > limits.nodes) return start && this.#tooMany(start, `${limits.nodes} values`);
    if (!('children' in element)) return this.#scalar(element);
    if (element.name === 'expression') return this.#expression(tokensOf(element));
    const end = (element.children.CloseMap ?? element.children.CloseList)?.[0];
    if (start === undefined || end === undefined || 'children' in end) return undefined;
    const span = spanOf(this.#source, start.startOffset, end.startOffset + 1);
    if (element.name === 'map') return withoutDuplicates(mapOf(span, this.entries(element)), this.#report);
    const items = nodesOf(element, 'item').flatMap((item) => nodesOf(item, 'value').map((value) => this.#value(value)));
    return Object.freeze({ kind: 'list', span, items: Object.freeze(items.filter((item) => item !== undefined)) });
  }

  /** Its text on one line, without comments. */
  #expression(tokens: readonly IToken[]): SpecScalar | undefined {
    const [first] = tokens;
    const last = tokens.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const span = spanOf(this.#source, first.startOffset, last.startOffset + last.image.length);
    const text = this.#source.text.slice(span.start, span.end);
    const value = /[\r\n]/.test(text) ? text.replace(/#[^\r\n]*/g, '').replace(/\s+/g, ' ') : text;
    return Object.freeze({ kind: 'scalar', span, value, text });
  }

  #scalar(token: IToken): SpecScalar | undefined {
    const value = this.#scalarValue(token);
    if (value === undefined) return undefined;
    return Object.freeze({ kind: 'scalar', span: this.#span(token), value, text: token.image });
  }

  #scalarValue(token: IToken): SpecScalar['value'] | undefined {
    switch (token.tokenType.name) {
      case 'True':
        return true;
      case 'False':
        return false;
      case 'Null':
        return null;
      case 'Number':
        return this.#number(token);
      default:
        return this.#text(token);
    }
  }

  #number(token: IToken): number | undefined {
    const value = dslNumber(token.image);
    if (value === undefined) {
      const problem = `\`${clip(token.image)}\` begins like a number and is none`;
      this.#refuse('SYN001', this.#span(token), { problem, help: 'text stands in double quotes' });
      return undefined;
    }
    const problem = numberProblem(token.image, value);
    if (problem === undefined) return value;
    this.#refuse('SYN005', this.#span(token), { text: clip(token.image), problem });
    return undefined;
  }

  #text(token: IToken): string | undefined {
    if (token.tokenType.name === 'Word') return token.image;
    const text = unquote(token.image);
    if (text !== undefined) return text;
    const help = 'the escapes are those of JSON: \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits';
    this.#refuse('SYN001', this.#span(token), {
      problem: 'a string has an escape or a control character that means nothing',
      help,
    });
    return undefined;
  }

  #tooMany(token: IToken, limit: string): undefined {
    // Said once: what follows is not counted any more.
    if (this.isSound) this.#report('SYN003', this.#span(token), { limit });
    this.isSound = false;
    return undefined;
  }

  readonly #refuse: Report = (...finding) => {
    this.isSound = false;
    this.#report(...finding);
  };

  #span(token: IToken): Span {
    return spanOf(this.#source, token.startOffset, token.startOffset + token.image.length);
  }
}

function mapOf(span: Span, entries: readonly SpecEntry[]): SpecMap {
  return Object.freeze({ kind: 'map', span, style: 'dsl', entries: Object.freeze(entries) });
}

function nodesOf(node: CstNode, rule: string): readonly CstNode[] {
  return (node.children[rule] ?? []).filter((child): child is CstNode => 'children' in child);
}

function tokenIn(node: CstNode | undefined): IToken | undefined {
  const [element] = node === undefined ? [] : Object.values(node.children).flat();
  return element === undefined || 'children' in element ? undefined : element;
}

function firstToken(element: CstElement): IToken | undefined {
  if (!('children' in element)) return element;
  if (element.name === 'expression') return tokensOf(element)[0];
  const [opener] = element.children.OpenMap ?? element.children.OpenList ?? [];
  return opener === undefined || 'children' in opener ? undefined : opener;
}

/** In the order of the text. */
function tokensOf(element: CstElement): readonly IToken[] {
  if (!('children' in element)) return [element];
  const tokens = Object.values(element.children).flat().flatMap(tokensOf);
  return tokens.sort((a, b) => a.startOffset - b.startOffset);
}
