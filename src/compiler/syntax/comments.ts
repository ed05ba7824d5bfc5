import { Lexer } from 'yaml';

export interface Comment {
  readonly start: number;
  readonly end: number;
  /** From its `#`, without space at the end. */
  readonly text: string;
}

/** Comments of a sound YAML text, in order, and whether it has anchors or aliases, which its tree no longer shows. */
export function readYamlExtras(text: string): { readonly comments: readonly Comment[]; readonly hasAnchors: boolean } {
  const comments: Comment[] = [];
  let hasAnchors = false;
  let offset = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    // Control tokens stand for no text; what follows the one for scalars is the user's, whatever it begins with.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
      isScalar = token === '\u001f';
      continue;
    }
    if (!isScalar && token.startsWith('#')) comments.push(commentAt(offset, token));
    if (!isScalar && /^[&*]/.test(token)) hasAnchors = true;
    isScalar = false;
    offset += token.length;
  }
  return { comments, hasAnchors };
}

export function commentAt(start: number, text: string): Comment {
  return { start, end: start + text.length, text: text.trimEnd() };
}
