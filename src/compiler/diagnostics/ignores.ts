import { lineStartsOf, lineText, spanOf } from '../source/positions.ts';
import type { SourceFile, Span } from '../source/source.ts';
import { type Code, catalogue, isCode } from './catalogue.ts';
import type { Diagnostic, Fix } from './diagnostic.ts';
import type { Entry } from './entry.ts';
import type { Report } from './report.ts';

/** `# gqac-ignore MEM005, WIN002: reason`. */
export interface Ignore {
  /** From `#` to the end of the line. */
  readonly span: Span;
  readonly codes: readonly IgnoredCode[];
  /** Empty when none is given. */
  readonly reason: string;
  /** The line whose findings it silences, from 1: its own, or the first below that is more than a comment. */
  readonly line: number;
}

interface IgnoredCode {
  readonly text: string;
  readonly span: Span;
}

const pattern = /(?<=^|[ \t])#[ \t]*gqac-ignore\b(?<rest>[^\r\n]*)/gm;

/** Every ignore of a text. `isText` says whether an offset lies within a key or a value, where `#` begins no comment. */
export function findIgnores(source: SourceFile, isText: (offset: number) => boolean): readonly Ignore[] {
  if (!source.text.includes('gqac-ignore')) return [];
  const comments = [...source.text.matchAll(pattern)].filter(({ index }) => !isText(index));
  return comments.map((match) => {
    const comment = match[0].trimEnd();
    const rest = match.groups?.rest ?? '';
    const list = rest.split(':', 1)[0] ?? '';
    const listStart = match.index + match[0].length - rest.length;
    const codes = [...list.matchAll(/[^\s,]+/g)].map(({ 0: text, index }) => ({
      text: text.toUpperCase(),
      span: spanOf(source, listStart + index, listStart + index + text.length),
    }));
    const span = spanOf(source, match.index, match.index + comment.length);
    return Object.freeze({ span, codes, reason: rest.slice(list.length + 1).trim(), line: lineMeant(span) });
  });
}

function lineMeant({ file, start }: Span): number {
  const starts = lineStartsOf(file);
  let line = starts.findLastIndex((lineStart) => lineStart <= start) + 1;
  if (file.text.slice(starts[line - 1], start).trim() !== '') return line;
  do line += 1;
  while (line < starts.length && /^\s*#/.test(lineText(file, line)));
  return line;
}

/** Nothing after a finding of these could be checked, or it is about an ignore. */
const neverIgnored = /^(SYN|INC|SCH|LNT)/;

/** Which rules have had their say: an ignore of one that has not may be needed after all. */
export interface RulesRun {
  /** Every rule over the spec alone. */
  readonly allOfSpec: boolean;
  readonly withCheckpoint: boolean;
  readonly withShards: boolean;
  readonly withTargets: boolean;
}

/** What is silenced, with the reason; reports LNT001 for an ignore without one, LNT002 for one that silences nothing. */
export function applyIgnores(
  ignores: readonly Ignore[],
  found: readonly Diagnostic[],
  run: RulesRun,
  report: Report,
): ReadonlyMap<Diagnostic, string> {
  const silenced = new Map<Diagnostic, string>();
  for (const ignore of ignores) {
    if (ignore.codes.length === 0) {
      report('LNT002', ignore.span, { problem: 'this ignore names no diagnostic' }, [], [deletion(ignore)]);
      continue;
    }
    if (ignore.reason === '') report('LNT001', ignore.span, { code: ignore.codes[0]?.text ?? '' });
    for (const code of ignore.codes) {
      const own = found.filter((one) => one.code === code.text && isAt(one, ignore) && !neverIgnored.test(one.code));
      for (const one of own) silenced.set(one, ignore.reason);
      const problem = own.length > 0 ? undefined : problemOf(code.text, run);
      if (problem !== undefined) report('LNT002', code.span, { problem }, [], [without(code, ignore)]);
    }
  }
  return silenced;
}

function isAt({ span }: Diagnostic, { span: { file }, line }: Ignore): boolean {
  const starts = lineStartsOf(file);
  const next = starts[line] ?? Number.POSITIVE_INFINITY;
  return span.file === file && span.start >= (starts[line - 1] ?? 0) && span.start < next;
}

function problemOf(code: string, run: RulesRun): string | undefined {
  if (!isCode(code)) return `there is no diagnostic ${code.slice(0, 20)}`;
  if (neverIgnored.test(code)) return `${code} cannot be ignored`;
  return hasRun(code, run) ? `there is no ${code} to ignore here` : undefined;
}

function hasRun(code: Code, run: RulesRun): boolean {
  const { failing }: Entry<never> = catalogue[code];
  if (failing.tensors !== undefined && !run.withCheckpoint) return false;
  if (failing.shards !== undefined && !run.withShards) return false;
  return run.allOfSpec && (failing.target === undefined || run.withTargets);
}

function deletion({ span }: Ignore): Fix {
  const { file, start, end } = span;
  const starts = lineStartsOf(file);
  const line = starts.findLastIndex((lineStart) => lineStart <= start);
  const before = file.text.slice(starts[line], start);
  const isAlone = before.trim() === '';
  const from = isAlone ? (starts[line] ?? start) : start - (before.length - before.trimEnd().length);
  const to = isAlone ? (starts[line + 1] ?? file.text.length) : end;
  return { title: 'delete the ignore', edits: [{ span: spanOf(file, from, to), text: '' }] };
}

function without(code: IgnoredCode, ignore: Ignore): Fix {
  const index = ignore.codes.indexOf(code);
  const previous = ignore.codes[index - 1];
  const next = ignore.codes[index + 1];
  if (previous === undefined && next === undefined) return deletion(ignore);
  const from = next === undefined ? (previous?.span.end ?? code.span.start) : code.span.start;
  const to = next === undefined ? code.span.end : next.span.start;
  return {
    title: `delete ${code.text} from the ignore`,
    edits: [{ span: spanOf(code.span.file, from, to), text: '' }],
  };
}
