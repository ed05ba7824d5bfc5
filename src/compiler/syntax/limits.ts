import { Lexer } from 'yaml';

/** Bounds on a spec, so that no text costs more than a moment. */
export const limits = Object.freeze({ bytes: 256 * 1024, keys: 2000, nodes: 10_000, depth: 64, marks: 64 });

/** The limit that a text breaks by its size alone, in UTF-8. */
export function sizeBreach(text: string): string | undefined {
  const isTooLarge = text.length > limits.bytes || new TextEncoder().encode(text).length > limits.bytes;
  return isTooLarge ? `${limits.bytes / 1024} KiB` : undefined;
}

export interface Breach {
  readonly offset: number;
  /** What there is too much of, in words that follow "at most". */
  readonly limit: string;
}

/**
 * The first token that lies too deep or is one directive or document too many. Runs before the parser, which recurses: with yaml
 * 2.9.1 two deeply nested malformed documents in one process abort Node, past any try/catch. The lexer does not recurse. The
 * depth is an upper bound: one for each open bracket, and one for each column in which a block collection is open.
 */
export function findBreach(text: string): Breach | undefined {
  let offset = 0;
  let lineStart = 0;
  let flow = 0;
  let marks = 0;
  let indicatorsOnly = true;
  let columns: number[] = [];
  for (const token of new Lexer().lex(text)) {
    if (isMarker(token)) continue;
    const column = offset - lineStart;
    const isIndicator = token === '-' || token === '?' || token === ':';
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    if (flow === 0 && indicatorsOnly && !isBlank(token)) {
      columns = [...columns.filter((open) => open < column), column];
    }
    if (flow + columns.length > limits.depth) return { offset, limit: `${limits.depth} levels of nesting` };
    if (token === '---' || token === '...' || token.startsWith('%')) marks += 1;
    if (marks > limits.marks) return { offset, limit: `${limits.marks} directives and document marks` };
    if (!isBlank(token) && !isIndicator) indicatorsOnly = false;
    offset += token.length;
    const lineEnd = token.lastIndexOf('\n');
    if (lineEnd !== -1) {
      lineStart = offset - (token.length - lineEnd - 1);
      indicatorsOnly = true;
    }
  }
  return undefined;
}

/** Control tokens of the lexer, which stand for no text: document start, flow error end, scalar. */
function isMarker(token: string): boolean {
  return token === '\u0002' || token === '\u0018' || token === '\u001f';
}

function isBlank(token: string): boolean {
  return token.trim() === '' || token.startsWith('#');
}
