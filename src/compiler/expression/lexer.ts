import type { Range, SyntaxProblem } from './syntax.ts';

export interface Token extends Range {
  readonly kind: 'number' | 'name' | 'symbol' | 'end';
  readonly text: string;
}

/**
 * Bounds that keep every pass over an expression short, and its recursion shallow. `inlined` and `nesting`: of
 * the whole with all functions written out; compilers of WGSL have bounds of their own.
 */
export const expressionLimits = Object.freeze({ characters: 4000, parts: 500, depth: 48, inlined: 2000, nesting: 96 });

/** Longer symbols first. Those of other languages are read whole, to be reported with the way to write them. */
const token =
  /(?<space>\s+)|(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[\w.]*)|(?<name>[A-Za-z_]\w*)|(?<symbol>&&|\|\||\*\*|<<|>>|<=|>=|==|!=|\/\/|[-+*/%<>!&|()[\],=?:^~])/y;

/** The tokens of an expression, the last of them of kind `end`; or the first place that is none. */
export function tokenize(text: string): readonly Token[] | SyntaxProblem {
  if (text.length > expressionLimits.characters) {
    const at = { start: expressionLimits.characters, end: text.length };
    return { at, problem: `it is longer than ${expressionLimits.characters} characters` };
  }
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const start = token.lastIndex;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) {
      const character = String.fromCodePoint(text.codePointAt(start) ?? 0);
      return { at: { start, end: start + character.length }, problem: `\`${character}\` has no meaning here` };
    }
    if (groups.space !== undefined) continue;
    const kind = groups.number !== undefined ? 'number' : groups.name !== undefined ? 'name' : 'symbol';
    tokens.push({ kind, text: text.slice(start, token.lastIndex), start, end: token.lastIndex });
  }
  return [...tokens, { kind: 'end', text: '', start: text.length, end: text.length }];
}
