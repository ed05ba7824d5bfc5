import type { Span } from '../source/source.ts';

/** What a spec says, before any meaning: the same whether it was written in YAML or in the DSL, apart from spans. */
export type SpecTree = SpecMap;

export type SpecNode = SpecMap | SpecList | SpecScalar;

export interface SpecMap {
  readonly kind: 'map';
  readonly span: Span;
  /** `flow`: written `{ a: 1 }`; `dsl`: written `a 1`. Decides how an edit adds or deletes an entry. */
  readonly style: 'flow' | 'block' | 'dsl';
  /** In source order; keys are unique. */
  readonly entries: readonly SpecEntry[];
  /** Of a map that was merged: the maps as written, where its entries can be edited. */
  readonly parts?: readonly SpecMap[];
}

export interface SpecEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: SpecNode;
}

export interface SpecList {
  readonly kind: 'list';
  readonly span: Span;
  readonly items: readonly SpecNode[];
}

export interface SpecScalar {
  readonly kind: 'scalar';
  readonly span: Span;
  readonly value: string | number | boolean | null;
  /** The source text, quotes included. */
  readonly text: string;
}

const indices = new WeakMap<SpecMap, ReadonlyMap<string, SpecEntry>>();

export function entryOf(node: SpecNode | undefined, key: string): SpecEntry | undefined {
  if (node?.kind !== 'map') return undefined;
  const index = indices.get(node) ?? new Map(node.entries.map((entry) => [entry.key, entry]));
  indices.set(node, index);
  return index.get(key);
}

/** The node at a path of keys and list indices, if there is one. */
export function nodeAt(root: SpecNode, path: readonly string[]): SpecNode | undefined {
  let node: SpecNode | undefined = root;
  for (const step of path) {
    node = node?.kind === 'list' ? node.items[Number(step)] : entryOf(node, step)?.value;
  }
  return node;
}

/** The tree as plain data, without prototypes, so that a key such as `__proto__` is a key like any other. */
export function toPlain(node: SpecNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  const plain: Record<string, unknown> = Object.create(null);
  for (const { key, value } of node.entries) plain[key] = toPlain(value);
  return plain;
}
