import { createToken, Lexer } from 'chevrotain';

/**
 * A name: of an option, a value, a file or a tensor. `{…}` and `[…]` belong to it only in the forms that tensor names have
 * (`layers.{2*i+1}.weight[0:576]`), so that `mask{causal}` and `biases[q]` need no space.
 */
export const wordPattern = /[A-Za-z_](?:[\w./-]|\{(?:(?:\d+\*)?i(?:\+\d+)?|e)\}|\[\d+:\d+\])*/;

export const Word = createToken({ name: 'Word', pattern: wordPattern });
export const True = createToken({ name: 'True', pattern: 'true', longer_alt: Word });
export const False = createToken({ name: 'False', pattern: 'false', longer_alt: Word });
export const Null = createToken({ name: 'Null', pattern: 'null', longer_alt: Word });
/** All that begins like a number, so that `8heads` is one wrong number rather than a number and a word. */
export const NumberText = createToken({
  name: 'Number',
  pattern: /[-+]?(?:\.?\d[\w.+-]*|\.(?:inf|nan)\b)/,
});
export const Text = createToken({ name: 'String', pattern: /"(?:[^"\\\r\n]|\\[^\r\n])*"/ });
export const OpenMap = createToken({ name: 'OpenMap', pattern: '{' });
export const CloseMap = createToken({ name: 'CloseMap', pattern: '}' });
export const OpenList = createToken({ name: 'OpenList', pattern: '[' });
export const CloseList = createToken({ name: 'CloseList', pattern: ']' });
export const Comma = createToken({ name: 'Comma', pattern: ',' });

/** Of expressions alone. A word or number may hold an operator too, as in `q-k`: the text of an expression has a parser of its own. */
export const OpenParen = createToken({ name: 'OpenParen', pattern: '(' });
export const CloseParen = createToken({ name: 'CloseParen', pattern: ')' });
export const Operator = createToken({ name: 'Operator', pattern: /\/\/|[<>=!]=|[-+*/%<>!&|]/ });

/** The text that a string stands for; undefined when JSON has no such string. */
export function unquote(image: string): string | undefined {
  try {
    return JSON.parse(image);
  } catch {
    return undefined;
  }
}

const Space = createToken({ name: 'Space', pattern: /[ \t\r\n\uFEFF]+/, group: Lexer.SKIPPED, line_breaks: true });
const Comment = createToken({ name: 'Comment', pattern: /#[^\r\n]*/, group: 'comments' });

/** What other languages would write here, to be reported with the way to write it. The parser sees strings in two of them. */
export const Colon = createToken({ name: 'Colon', pattern: /[:=]/, group: 'colons' });
export const SingleQuoted = createToken({ name: 'SingleQuoted', pattern: /'[^'\r\n]*'?/, categories: Text });
export const OpenText = createToken({ name: 'OpenText', pattern: /"[^\r\n]*/, categories: Text });

/** What a text is made of, but for space and comments. */
export const visible = [
  ...[True, False, Null, Word, NumberText, Text],
  ...[OpenMap, CloseMap, OpenList, CloseList, OpenParen, CloseParen, Comma, Operator],
];

export const vocabulary = [Space, Comment, ...visible, Colon, SingleQuoted, OpenText];

export const lexer = new Lexer(vocabulary, { positionTracking: 'onlyOffset', ensureOptimizations: false });
