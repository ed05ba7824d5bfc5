import type { Hover } from 'vscode-languageserver/node';
import { optionAt } from '../../grammar/options.ts';
import type { SpecTree } from '../compiler/syntax/tree.ts';
import { optionText } from './option-text.ts';
import { placeAt } from './places.ts';
import { rangeOf } from './ranges.ts';

/** The documentation of the option at an offset, be it its key or its value. */
export function hoverAt(tree: SpecTree, offset: number): Hover | undefined {
  const place = placeAt(tree, offset);
  if (place === undefined) return undefined;
  const option = optionAt(place.path);
  const isItem = option === undefined && place.on === 'value';
  const path = isItem ? place.path.slice(0, -1) : place.path;
  const shown = option ?? (isItem ? optionAt(path) : undefined);
  if (shown === undefined) return undefined;
  const span = place.on === 'key' ? place.entry?.keySpan : place.node.span;
  return { contents: optionText(shown, path), ...(span && { range: rangeOf(span) }) };
}
