import type { CstNode, IRecognitionException, IToken, TokenType } from 'chevrotain';
import { parser } from '../../../grammar/parser.ts';
import {
  CloseList,
  CloseMap,
  CloseParen,
  Colon,
  Comma,
  lexer,
  OpenList,
  OpenMap,
  OpenParen,
  OpenText,
  Operator,
  SingleQuoted,
} from '../../../grammar/tokens.ts';
import { note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import { positionAt, spanOf } from '../source/positions.ts';
import type { SourceFile, Span } from '../source/source.ts';
import { buildTree } from './dsl-tree.ts';
import { limits, sizeBreach } from './limits.ts';
import { clip } from './numbers.ts';
import type { SpecTree } from './tree.ts';

const closers: ReadonlyMap<TokenType, TokenType> = new Map([
  [OpenMap, CloseMap],
  [OpenList, CloseList],
  [OpenParen, CloseParen],
]);
const openers: ReadonlySet<TokenType> = new Set(closers.values());

/** More would be echoes of the first ones. */
const maxProblems = 10;

/**
 * The `.gqa` syntax to the same tree as YAML, with a span on every key and value; a flag's value has the span of its key. Errors
 * are SYN001 … SYN007, with YAML's limits. Undefined when the tree would be a guess.
 */
export function parseDsl(source: SourceFile, report: Report): SpecTree | undefined {
  const tooLarge = sizeBreach(source.text);
  if (tooLarge !== undefined) {
    report('SYN003', spanOf(source, 0, 0), { limit: tooLarge });
    return undefined;
  }
  const { tokens, groups, errors } = lexer.tokenize(source.text);
  const unreadable = [
    ...(groups.colons ?? []).map((token) => foreignProblem(source, token)),
    ...tokens.filter(isForeign).map((token) => foreignProblem(source, token)),
    ...errors.map(({ offset, length }) => strayProblem(source, offset, length)),
  ];
  const breach = findTokenBreach(tokens);
  if (breach !== undefined) {
    report('SYN003', tokenSpan(source, breach.token), { limit: breach.limit });
    return undefined;
  }
  const problems = [...unreadable, ...bracketProblems(source, tokens)];
  // After an open bracket the parser's complaints are about its own repairs.
  const cst = problems.length === unreadable.length ? parse(source, tokens, problems) : undefined;
  if (problems.length > 0) {
    reportProblems(source, problems, report);
    return undefined;
  }
  if (cst === undefined) return undefined;
  if (tokens.length === 0) {
    report('SYN007', spanOf(source, 0, 0), { found: 'empty' });
    return undefined;
  }
  return buildTree(source, cst, report);
}

interface Problem {
  readonly span: Span;
  readonly problem: string;
  readonly help?: string;
  readonly openedAt?: Span;
  /** One of these says it for the whole file. */
  readonly once?: true;
}

/** The tree of a text without mistakes. After each mistake, what does not fit is left out and the rest read again. */
function parse(source: SourceFile, tokens: readonly IToken[], problems: Problem[]): CstNode {
  const fitting = [...tokens];
  for (let mistakes = 0; ; mistakes += 1) {
    parser.input = fitting;
    const cst = parser.spec();
    const [error] = parser.errors;
    if (error === undefined || mistakes === maxProblems) return cst;
    problems.push(grammarProblem(source, error));
    const start = fitting.indexOf(error.token);
    if (start === -1) return cst;
    fitting.splice(start, lengthFrom(fitting, start));
  }
}

/** How many tokens a value has that begins at an index. Brackets match: they were checked. */
function lengthFrom(tokens: readonly IToken[], start: number): number {
  let depth = 0;
  for (let index = start; index < tokens.length; index += 1) {
    const type = tokens[index]?.tokenType;
    if (type !== undefined && closers.has(type)) depth += 1;
    if (type !== undefined && openers.has(type)) depth -= 1;
    if (depth <= 0) return index - start + 1;
  }
  return tokens.length - start;
}

/** One for each line; what could not be read comes before what did not fit. */
function reportProblems(source: SourceFile, problems: readonly Problem[], report: Report): void {
  const seen = new Set<string | number>();
  let count = 0;
  for (const { span, problem, help, openedAt, once } of problems) {
    const { line } = positionAt(source, span.start);
    if (count === maxProblems || seen.has(line) || (once && seen.has(problem))) continue;
    seen.add(line);
    seen.add(problem);
    count += 1;
    const notes = openedAt === undefined ? [] : [note(openedAt, 'opened here')];
    report('SYN001', span, { problem, ...(help === undefined ? {} : { help }) }, notes);
  }
}

function isForeign({ tokenType }: IToken): boolean {
  return tokenType === SingleQuoted || tokenType === OpenText;
}

function foreignProblem(source: SourceFile, token: IToken): Problem {
  const span = tokenSpan(source, token);
  if (token.tokenType === Colon) {
    return {
      span,
      problem: `there is no \`${token.image}\` between an option and its value here`,
      help: 'write `q_heads 8`; the name of a spec in YAML ends in `.yaml`',
      once: true,
    };
  }
  if (token.tokenType === SingleQuoted) {
    return { span, problem: 'a string stands in double quotes', help: 'write `"…"`' };
  }
  const help = 'end it on its line with `"`; a line end inside is written `\\n`';
  return { span, problem: 'a string is not closed', help };
}

function strayProblem(source: SourceFile, offset: number, length: number): Problem {
  const text = clip(source.text.slice(offset, offset + length));
  const help = 'text with other characters than letters, digits and `_ . - /` stands in double quotes';
  return { span: spanOf(source, offset, offset + length), problem: `\`${text}\` has no meaning here`, help };
}

function grammarProblem(source: SourceFile, { token, context }: IRecognitionException): Problem {
  const span = tokenSpan(source, token);
  const found = `\`${clip(token.image)}\``;
  if (token.tokenType === Comma) {
    return { span, problem: 'a comma has nothing before it', help: 'delete it: commas may be left out' };
  }
  if (token.tokenType === Operator || token.tokenType === OpenParen) {
    return strayProblem(source, token.startOffset, token.image.length);
  }
  const rule = context.ruleStack.at(-1);
  if (rule === 'list' || rule === 'item') return { span, problem: `expected a value, found ${found}` };
  const help = 'an option has one value: a number, a word, a string, `[a, b]` or `{ key value }`';
  return { span, problem: `expected the name of an option, found ${found}`, help };
}

/** Brackets that are not closed or do not match, at the bracket itself. */
function bracketProblems(source: SourceFile, tokens: readonly IToken[]): readonly Problem[] {
  const open: IToken[] = [];
  for (const token of tokens) {
    if (closers.has(token.tokenType)) open.push(token);
    if (!openers.has(token.tokenType)) continue;
    const opener = open.pop();
    const span = tokenSpan(source, token);
    if (opener === undefined) return [{ span, problem: `this \`${token.image}\` closes nothing` }];
    if (closers.get(opener.tokenType) !== token.tokenType) {
      const openedAt = tokenSpan(source, opener);
      return [{ span, problem: `\`${token.image}\` cannot close \`${opener.image}\``, openedAt }];
    }
  }
  return open.slice(-1).map((token) => ({
    span: tokenSpan(source, token),
    problem: `this \`${token.image}\` is never closed`,
  }));
}

/** Before the parser, which recurses. Counting keys takes the tree; a bound on tokens keeps that small. */
function findTokenBreach(tokens: readonly IToken[]): { readonly token: IToken; readonly limit: string } | undefined {
  let depth = 1;
  let values = 0;
  for (const token of tokens) {
    if (openers.has(token.tokenType)) depth -= 1;
    else if (token.tokenType !== Comma) values += 1;
    if (closers.has(token.tokenType)) depth += 1;
    if (depth > limits.depth) return { token, limit: `${limits.depth} levels of nesting` };
    if (values > limits.nodes + limits.keys) return { token, limit: `${limits.nodes} values` };
  }
  return undefined;
}

function tokenSpan(source: SourceFile, token: IToken): Span {
  return spanOf(source, token.startOffset, token.startOffset + token.image.length);
}
