import type { Position, SourceFile, Span } from './source.ts';

const lineStarts = new WeakMap<SourceFile, readonly number[]>();

/** Offset of the first unit of each line. Lines end at `\n`; a `\r` before it belongs to the line. */
export function lineStartsOf(file: SourceFile): readonly number[] {
  const known = lineStarts.get(file);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) starts.push(at + 1);
  lineStarts.set(file, starts);
  return starts;
}

/** Offsets beyond the text are taken as its end. */
export function positionAt(file: SourceFile, offset: number): Position {
  const starts = lineStartsOf(file);
  const clamped = Math.max(0, Math.min(offset, file.text.length));
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= clamped) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: clamped - (starts[low] ?? 0) + 1, offset: clamped };
}

/** The text of a 1-based line without its line ending. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStartsOf(file);
  const start = starts[line - 1];
  if (start === undefined) return '';
  const end = starts[line] ?? file.text.length;
  return file.text.slice(start, end).replace(/\r?\n$/, '');
}

export function spanOf(file: SourceFile, start: number, end: number): Span {
  const length = file.text.length;
  const from = Math.max(0, Math.min(start, length));
  return Object.freeze({ file, start: from, end: Math.max(from, Math.min(end, length)) });
}
