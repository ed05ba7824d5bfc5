import { lexer } from '../../../grammar/tokens.ts';
import { type Comment, commentAt } from './comments.ts';

/** Comments of a text in the DSL, in order. */
export function readDslComments(text: string): readonly Comment[] {
  const { groups } = lexer.tokenize(text);
  return (groups.comments ?? []).map(({ startOffset, image }) => commentAt(startOffset, image));
}
