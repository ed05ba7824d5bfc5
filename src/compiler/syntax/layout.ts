/**
 * What a printer prints: values with the comments around them, the same for both syntaxes. A comment is a line with its `#`;
 * among the lines before something, `''` is a blank line.
 */
export type Layout = MapLayout | ListLayout | ScalarLayout;

export interface ScalarLayout {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
}

export interface MapLayout extends Interior {
  readonly kind: 'map';
  readonly entries: readonly EntryLayout[];
}

export interface ListLayout extends Interior {
  readonly kind: 'list';
  readonly items: readonly ItemLayout[];
}

interface Interior {
  /** Behind the opening, on its line. */
  readonly head?: string;
  /** After the last entry, on lines of their own. */
  readonly end: readonly string[];
}

export interface Remarks {
  readonly before: readonly string[];
  /** Behind the value, on its line. */
  readonly after?: string;
}

export interface ItemLayout extends Remarks {
  readonly value: Layout;
}

export interface EntryLayout extends ItemLayout {
  readonly key: string;
}

function partsOf(layout: MapLayout | ListLayout): readonly ItemLayout[] {
  return layout.kind === 'map' ? layout.entries : layout.items;
}

/** Whether a value has comments inside, which keep it from being written in one line. */
export function hasComments(layout: Layout): boolean {
  if (layout.kind === 'scalar') return false;
  if (layout.head !== undefined || layout.end.length > 0) return true;
  return partsOf(layout).some(({ before, after, value }) => {
    return after !== undefined || before.some((line) => line !== '') || hasComments(value);
  });
}

/** Columns that a value in one line may reach. */
export const lineWidth = 120;

/** Maps that are always written one key a line; all others only when they are too long or have comments inside. */
const blockMaps = new Set(['', 'model', 'attention', 'weights', 'weights.names']);

export function isBlock(layout: MapLayout | ListLayout, path: readonly string[]): boolean {
  if (layout.kind === 'map' && layout.entries.length > 0 && blockMaps.has(path.join('.'))) return true;
  return hasComments(layout);
}
