import type { Range } from '../../expression/syntax.ts';
import { spanOf } from '../../source/positions.ts';
import type { Span } from '../../source/source.ts';

/** From places in an expression to places in its file; the whole value where quotes or escapes hide them. */
export function placeIn({ value, span }: { readonly value: string; readonly span: Span }): (range: Range) => Span {
  const { file, start } = span;
  const text = file.text.slice(start, span.end);
  const offset = [text, text.slice(1, -1)].indexOf(value);
  return (range) =>
    offset === -1
      ? span
      : spanOf(file, start + offset + range.start, start + offset + Math.max(range.end, range.start));
}
