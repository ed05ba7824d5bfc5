import { lineText, positionAt } from '../source/positions.ts';
import type { SourceFile, Span } from '../source/source.ts';
import type { Diagnostic, Severity } from './diagnostic.ts';

/** Colours, or the identity. */
export interface Palette {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly info: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

const plain = (text: string) => text;
export const noColours: Palette = Object.freeze({ error: plain, warning: plain, info: plain, bold: plain, dim: plain });

/** A diagnostic with the lines that it is about, as compilers print it; ends in a line feed. */
export function renderText(diagnostic: Diagnostic, palette: Palette = noColours): string {
  const { code, severity, message, span, help, notes } = diagnostic;
  const marks = marksOf(diagnostic);
  const lastLine = Math.max(...marks.map(({ line }) => line));
  const gutter = ' '.repeat(String(lastLine).length);
  const { line, column } = positionAt(span.file, span.start);
  const colour = palette[severity];
  const remarks = [
    ...(help === undefined ? [] : [`help: ${help}`]),
    ...notes.filter((one) => one.span === undefined).map(({ text }) => `note: ${text}`),
    `note: gqac explain ${code}`,
  ];
  const lines = [
    `${colour(`${severity}[${code}]`)}${palette.bold(`: ${visible(message)}`)}`,
    `${gutter}${palette.dim('-->')} ${visible(span.file.path)}:${line}:${column}`,
    `${gutter} ${palette.dim('|')}`,
    ...frame(marks, gutter, severity, palette),
    ...remarks.map((text) => `${gutter} ${palette.dim('=')} ${visible(text)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** All of them, a blank line after each, then how many there were. */
export function renderAll(diagnostics: readonly Diagnostic[], palette: Palette = noColours): string {
  if (diagnostics.length === 0) return '';
  const frames = diagnostics.map((diagnostic) => renderText(diagnostic, palette));
  return `${frames.join('\n')}\n${summaryLine(diagnostics)}\n`;
}

function summaryLine(diagnostics: readonly Diagnostic[]): string {
  const counts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = diagnostics.filter((one) => one.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return counts.join(', ');
}

/** An underlined part of one line. */
interface Mark {
  readonly file: SourceFile;
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly isPrimary: boolean;
}

function marksOf({ span, label, notes }: Diagnostic): readonly Mark[] {
  const marks = [markOf(span, label ?? '', true)];
  for (const one of notes) if (one.span?.file === span.file) marks.push(markOf(one.span, one.text, false));
  return marks.sort((a, b) => a.line - b.line || a.from - b.from);
}

/** Of a span over several lines, the first is marked. */
function markOf({ file, start, end }: Span, text: string, isPrimary: boolean): Mark {
  const from = positionAt(file, start);
  const length = lineText(file, from.line).length;
  const width = Math.max(1, Math.min(end - start, length - (from.column - 1)));
  return { file, line: from.line, from: from.column - 1, to: from.column - 1 + width, text, isPrimary };
}

function frame(marks: readonly Mark[], gutter: string, severity: Severity, palette: Palette): readonly string[] {
  const lines: string[] = [];
  let shown = 0;
  for (const mark of marks) {
    const { text, from, to } = excerpt(mark);
    if (mark.line !== shown)
      lines.push(`${String(mark.line).padStart(gutter.length)} ${palette.dim('|')} ${text}`.trimEnd());
    shown = mark.line;
    const underline = (mark.isPrimary ? '^' : '-').repeat(to - from);
    const remark = `${underline} ${visible(mark.text)}`.trimEnd();
    const paint = mark.isPrimary ? palette[severity] : palette.dim;
    lines.push(`${gutter} ${palette.dim('|')} ${' '.repeat(from)}${paint(remark)}`);
  }
  return lines;
}

const shownAtMost = 160;

/** The line, or the part of a long line that the mark is in, with the mark's place in it. */
function excerpt({ file, line, from, to }: Mark): {
  readonly text: string;
  readonly from: number;
  readonly to: number;
} {
  const whole = lineText(file, line);
  const start = whole.length <= shownAtMost ? 0 : Math.max(0, Math.min(from - 40, whole.length - shownAtMost));
  const end = Math.min(whole.length, start + shownAtMost);
  const lead = start === 0 ? '' : '…';
  const tail = end === whole.length ? '' : '…';
  const at = (offset: number) => lead.length + columns(whole.slice(start, Math.min(offset, end)));
  return {
    text: `${lead}${visible(whole.slice(start, end))}${tail}`,
    from: at(from),
    to: Math.max(at(to), at(from) + 1),
  };
}

/** Width on a terminal, near enough: code points. */
function columns(text: string): number {
  return [...text].length;
}

/** Control and direction characters would act on the terminal or disguise the line; a tab takes one column. */
function visible(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu, '\ufffd');
}
