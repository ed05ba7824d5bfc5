import type { Location } from 'vscode-languageserver/node';
import type { Span } from '../compiler/source/source.ts';
import type { SpecTree } from '../compiler/syntax/tree.ts';
import { namesFor, placeAt } from './places.ts';
import { fileStart, rangeOf } from './ranges.ts';

/** Of an `include` its file; of a word of `use` or `layers.pattern` what it names, if that is in this file. */
export function definitionAt(
  tree: SpecTree,
  offset: number,
  host: { readonly uriOf: (path: string) => string; readonly beside: (path: string, from: string) => string },
): Location | undefined {
  const place = placeAt(tree, offset);
  if (place?.on !== 'value' || place.node.kind !== 'scalar' || typeof place.node.value !== 'string') return undefined;
  const { value } = place.node;
  if (place.path[0] === 'include')
    return { uri: host.uriOf(host.beside(value, tree.span.file.path)), range: fileStart };
  const declared = namesFor(tree, place.path).find(({ key }) => key === value);
  return declared && locationOf(declared.keySpan, host.uriOf);
}

export function locationOf(span: Span, uriOf: (path: string) => string): Location {
  return { uri: uriOf(span.file.path), range: rangeOf(span) };
}
