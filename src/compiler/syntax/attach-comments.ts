import type { Comment } from './comments.ts';
import type { EntryLayout, ItemLayout, Layout, ListLayout, MapLayout } from './layout.ts';
import type { SpecEntry, SpecList, SpecMap, SpecNode, SpecTree } from './tree.ts';

/**
 * Gives each comment to what it stands before, or behind on the same line. After the last entry of a map it belongs to that map
 * where braces or its indentation say so.
 */
export function layoutOf(tree: SpecTree, comments: readonly Comment[]): MapLayout {
  return new Attacher(tree.span.file.text).map(tree, comments);
}

/** An entry of a map or an item of a list, and the comments that lie around it. */
interface Place {
  readonly start: number;
  readonly node: SpecNode;
  readonly before: Comment[];
  /** Between the key and the value. */
  readonly between: Comment[];
  readonly inside: Comment[];
  after?: Comment;
}

class Attacher {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  map(map: SpecMap, comments: readonly Comment[]): MapLayout {
    const keyed = new Map<Place, string>();
    const places = map.entries.map((entry) => {
      const place = placeOf(entry);
      keyed.set(place, entry.key);
      return place;
    });
    const { head, items, end } = this.#interior(map, places, comments);
    const entries = places.map((place, index): EntryLayout => {
      const item = items[index] ?? { before: [], value: { kind: 'scalar', value: null } };
      return { key: keyed.get(place) ?? '', ...item };
    });
    return { kind: 'map', entries, ...(head === undefined ? {} : { head }), end };
  }

  #list(list: SpecList, comments: readonly Comment[]): ListLayout {
    const { head, items, end } = this.#interior(list, list.items.map(placeOf), comments);
    return { kind: 'list', items: items.map(hoisted), ...(head === undefined ? {} : { head }), end };
  }

  #interior(node: SpecMap | SpecList, places: readonly Place[], comments: readonly Comment[]) {
    const [first] = comments;
    const opensLine = this.#isBracketed(node) && first !== undefined && this.#sameLine(node.span.start, first.start);
    const head = opensLine && first.start < (places[0]?.start ?? Number.POSITIVE_INFINITY) ? first : undefined;
    const rest = this.#distribute(places, head === undefined ? comments : comments.slice(1));
    let previous: number | undefined;
    const items: ItemLayout[] = [];
    for (const place of places) {
      items.push(this.#item(place, previous));
      previous = Math.max(this.#end(place.node), place.inside.at(-1)?.end ?? 0, place.after?.end ?? 0);
    }
    return { head: head?.text, items, end: withoutBlankEnd(this.#lines(rest, previous)) };
  }

  /** Fills the places; gives back what comes after the last one. */
  #distribute(places: readonly Place[], comments: readonly Comment[]): readonly Comment[] {
    const rest: Comment[] = [];
    let index = 0;
    for (const comment of comments) {
      let next = places[index];
      while (next !== undefined && this.#end(next.node) <= comment.start) {
        index += 1;
        next = places[index];
      }
      if (next !== undefined && comment.start >= next.start) {
        (comment.start >= next.node.span.start ? next.inside : next.between).push(comment);
        continue;
      }
      const waiting = next?.before ?? rest;
      const previous = places[index - 1];
      if (previous === undefined || waiting.length > 0 || !this.#trails(previous, comment)) waiting.push(comment);
    }
    return rest;
  }

  /** Takes a comment behind a place, or under it and indented like what is in it. */
  #trails(place: Place, comment: Comment): boolean {
    const { node } = place;
    const isOpen = this.#isOpen(node);
    if (this.#sameLine(this.#end(node), comment.start)) {
      if (isOpen) place.inside.push(comment);
      else place.after = comment;
      return true;
    }
    if (!isOpen || this.#column(comment.start) < this.#column(node.span.start)) return false;
    place.inside.push(comment);
    return true;
  }

  #item({ start, node, before, between, inside, after }: Place, previous: number | undefined): ItemLayout {
    const [first] = between;
    const isEmpty = node.kind === 'scalar' || (node.kind === 'map' ? node.entries : node.items).length === 0;
    // A value that cannot hold comments leaves them to what stands before it.
    const displaced = isEmpty ? [...between, ...inside] : [];
    const behindKey = !isEmpty && first !== undefined && this.#sameLine(start, first.start) ? first : undefined;
    const value = this.#value(node, isEmpty ? [] : [...between, ...inside].filter((one) => one !== behindKey));
    const headed = behindKey === undefined ? value : withHead(value, behindKey.text);
    return {
      before: [...this.#lines(before, previous, start), ...displaced.map(({ text }) => text)],
      value: headed,
      ...(after === undefined ? {} : { after: after.text }),
    };
  }

  #value(node: SpecNode, comments: readonly Comment[]): Layout {
    if (node.kind === 'map') return this.map(node, comments);
    if (node.kind === 'list') return this.#list(node, comments);
    return { kind: 'scalar', value: node.value };
  }

  /** Comments as lines, with a blank line where there are any; none before the first thing in a map or list. */
  #lines(comments: readonly Comment[], previous: number | undefined, next?: number): readonly string[] {
    const lines: string[] = [];
    let from = previous;
    for (const { start, end, text } of comments) {
      if (from !== undefined && this.#isBlank(from, start)) lines.push('');
      lines.push(text);
      from = end;
    }
    if (from !== undefined && next !== undefined && this.#isBlank(from, next)) lines.push('');
    return lines;
  }

  #isBlank(from: number, to: number): boolean {
    return /\n[ \t\r]*\n/.test(this.#text.slice(from, to));
  }

  #sameLine(from: number, to: number): boolean {
    return !this.#text.slice(from, to).includes('\n');
  }

  /** Without a closing bracket, so that what follows may still belong to it. */
  #isOpen(node: SpecNode): boolean {
    return node.kind !== 'scalar' && !this.#isBracketed(node) && node.span.end > node.span.start;
  }

  /** Where the text of a value ends. The span of a YAML block may reach over the comments and blank lines after it. */
  #end(node: SpecNode): number {
    const last =
      node.kind === 'map' ? node.entries.at(-1)?.value : node.kind === 'list' ? node.items.at(-1) : undefined;
    if (last !== undefined && this.#isOpen(node)) return this.#end(last);
    return node.span.start + this.#text.slice(node.span.start, node.span.end).trimEnd().length;
  }

  #isBracketed({ span }: SpecNode): boolean {
    const opener = this.#text[span.start];
    return opener === '{' || opener === '[';
  }

  #column(offset: number): number {
    return offset - (this.#text.lastIndexOf('\n', offset - 1) + 1);
  }
}

function placeOf(part: SpecEntry | SpecNode): Place {
  const lists = () => ({ before: [], between: [], inside: [] });
  return 'keySpan' in part
    ? { start: part.keySpan.start, node: part.value, ...lists() }
    : { start: part.span.start, node: part, ...lists() };
}

function withoutBlankEnd(lines: readonly string[]): readonly string[] {
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function withHead(layout: Layout, head: string): Layout {
  if (layout.kind === 'scalar') return layout;
  if (layout.head === undefined) return { ...layout, head };
  return prepend({ ...layout, head }, layout.head);
}

function prepend(layout: MapLayout | ListLayout, line: string): MapLayout | ListLayout {
  if (layout.kind === 'list') return { ...layout, items: prependTo(layout.items, line) };
  return { ...layout, entries: prependTo(layout.entries, line) };
}

function prependTo<T extends ItemLayout>([first, ...rest]: readonly T[], line: string): readonly T[] {
  return first === undefined ? rest : [{ ...first, before: [line, ...first.before] }, ...rest];
}

/** In YAML the first entry of a map in a list stands beside its dash: comments before it go before the item. */
function hoisted(item: ItemLayout): ItemLayout {
  if (item.value.kind === 'scalar') return item;
  const { head, ...value } = item.value;
  const [first] = value.kind === 'map' ? value.entries : value.items;
  const inner = (first?.before ?? []).filter((line) => line !== '');
  const before = [...item.before, ...(head === undefined ? [] : [head]), ...inner];
  return { ...item, before, value: withoutFirstBefore(value) };
}

function withoutFirstBefore(layout: MapLayout | ListLayout): MapLayout | ListLayout {
  const clear = <T extends ItemLayout>(parts: readonly T[]): readonly T[] =>
    parts.map((part, index) => (index === 0 ? { ...part, before: [] } : part));
  if (layout.kind === 'list') return { ...layout, items: clear(layout.items) };
  return { ...layout, entries: clear(layout.entries) };
}
