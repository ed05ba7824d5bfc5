import { entryOf, type SpecEntry, type SpecMap, type SpecNode, type SpecTree } from '../compiler/syntax/tree.ts';

/** Where something is written: the path of its key in the tree, and whether it is the key or what stands there. */
export interface Place {
  readonly path: readonly string[];
  readonly on: 'key' | 'value';
  readonly node: SpecNode;
  /** The map that has the key, and the key; absent in a list. */
  readonly around?: SpecMap;
  readonly entry?: SpecEntry;
}

/** The innermost key or single value that holds an offset. */
export function placeAt(tree: SpecTree, offset: number): Place | undefined {
  return innermost(tree, [], (on, entry, node) => {
    const span = on === 'key' ? entry?.keySpan : node.kind === 'scalar' ? node.span : undefined;
    return span?.file === tree.span.file && span.start <= offset && offset <= span.end;
  });
}

/** The key or single value whose text is `word`. */
export function placeOfWord(tree: SpecTree, word: string): Place | undefined {
  return innermost(tree, [], (on, entry, node) =>
    on === 'key' ? entry?.key === word : node.kind === 'scalar' && node.text === word,
  );
}

type Test = (on: Place['on'], entry: SpecEntry | undefined, node: SpecNode) => boolean;

function innermost(node: SpecNode, path: readonly string[], test: Test): Place | undefined {
  if (node.kind === 'scalar') return test('value', undefined, node) ? { path, on: 'value', node } : undefined;
  if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) {
      const found = innermost(item, [...path, String(index)], test);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const entry of node.entries) {
    const here = [...path, entry.key];
    if (test('key', entry, entry.value)) return { path: here, on: 'key', node: entry.value, around: node, entry };
    const found = innermost(entry.value, here, test);
    if (found !== undefined) return found.entry === undefined ? { ...found, around: node, entry } : found;
  }
  return undefined;
}

/** Names that a path's words stand for: the blocks of `use`, the kinds of `layers.pattern`; where each is declared. */
export function namesFor(tree: SpecTree, path: readonly string[]): readonly SpecEntry[] {
  const words = path.filter((step) => !/^\d+$/.test(step)).join('.');
  const holder = words.endsWith('use')
    ? entryOf(tree, 'blocks')?.value
    : words === 'layers.pattern'
      ? entryOf(entryOf(tree, 'layers')?.value, 'kinds')?.value
      : undefined;
  return holder?.kind === 'map' ? holder.entries : [];
}
