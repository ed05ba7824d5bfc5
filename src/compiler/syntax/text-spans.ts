import type { Span } from '../source/source.ts';
import type { SpecNode } from './tree.ts';

/** Whether an offset of the tree's own file lies within a key or a value. What looks like a comment there is none. */
export function isTextAt(tree: SpecNode, offset: number): boolean {
  if (tree.kind === 'scalar') return contains(tree.span, offset);
  if (tree.kind === 'list') return tree.items.some((item) => isTextAt(item, offset));
  return tree.entries.some(({ keySpan, value }) => contains(keySpan, offset) || isTextAt(value, offset));
}

function contains({ start, end }: Span, offset: number): boolean {
  return start <= offset && offset < end;
}
