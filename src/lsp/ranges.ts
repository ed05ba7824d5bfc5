import type { Range } from 'vscode-languageserver/node';
import { positionAt } from '../compiler/source/positions.ts';
import type { SourceFile, Span } from '../compiler/source/source.ts';

export const fileStart: Range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };

/** Lines and UTF-16 columns from 0, as the protocol counts them. */
export function rangeOf({ file, start, end }: Span): Range {
  return { start: protocolPosition(file, start), end: protocolPosition(file, end) };
}

function protocolPosition(file: SourceFile, offset: number): Range['start'] {
  const { line, column } = positionAt(file, offset);
  return { line: line - 1, character: column - 1 };
}
