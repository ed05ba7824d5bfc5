import { type KeySegment, keySegments } from '../check/key-columns.ts';
import type { AttentionShape } from '../check/shaped-spec.ts';
import { hue } from './style.ts';
import { element, type NarrowBlock, rectangle, text } from './svg.ts';

const cell = 15;
const gap = 10;
/** As wide as the titles of the heads, so that both line up. */
const titleWidth = 96;
const headerHeight = 34;
/** How much of a sequence is drawn; windows, chunks and prefixes are drawn in proportion to nothing, with their true size beside. */
const pastTokens = 9;
const newTokens = 5;
const drawn = { memory: 3, window: 5, chunk: 5, prefix: 2 } as const;

const hueOf: Readonly<Record<KeySegment, string>> = { zero: hue(6), memory: hue(3), cache: hue(0), new: hue(2) };

interface Segment {
  readonly kind: KeySegment;
  readonly cells: number;
  readonly labels: readonly [string, string];
}

/** The key columns in their order, and which of them the queries of a call see: a row is a new token. */
export function keyColumnPicture(attention: AttentionShape): NarrowBlock {
  const parts = [
    text(0, headerHeight + 12, 'key columns', 'quiet'),
    text(0, headerHeight + 28, 'a row for each', 'small quiet'),
    text(0, headerHeight + 41, 'new token', 'small quiet'),
  ];
  let x = titleWidth;
  for (const segment of segmentsOf(attention)) {
    const width = Math.max(segment.cells * cell, 0);
    parts.push(...header(segment, x, width));
    for (let row = 0; row < newTokens; row++) {
      for (let column = 0; column < segment.cells; column++) {
        const style = isSeen(attention, segment.kind, row, column) ? `${hueOf[segment.kind]} seen` : 'hidden';
        parts.push(rectangle(x + column * cell, headerHeight + row * cell, cell - 2, cell - 2, style, 2));
      }
    }
    x += Math.max(width, labelWidth(segment)) + gap;
  }
  return { svg: parts.join('\n'), width: x - gap, height: headerHeight + newTokens * cell };
}

function header({ kind, labels }: Segment, x: number, width: number): readonly string[] {
  const y = headerHeight - 5;
  const line = element('path', { d: `M${x} ${y}H${x + width - 2}`, class: `${hueOf[kind]} line` });
  return [text(x, 11, labels[0]), text(x, 25, labels[1], 'small quiet'), line];
}

const labelWidth = ({ labels }: Segment): number => Math.max(labels[0].length * 7.2, labels[1].length * 6);

function segmentsOf({ columns, cross, inputs }: AttentionShape): readonly Segment[] {
  const sizes: Readonly<Record<KeySegment, Segment | undefined>> = {
    zero: columns.zero === 0 ? undefined : { kind: 'zero', cells: 1, labels: ['zero', '1 column'] },
    memory:
      columns.memory === 0
        ? undefined
        : {
            kind: 'memory',
            cells: Math.min(columns.memory, drawn.memory),
            labels: ['memory', `${columns.memory.toLocaleString('en')} learned`],
          },
    cache: cross === undefined && inputs !== 'heads' ? past('cache', 'tokens before') : undefined,
    new:
      inputs === 'heads' ? given('keys', 'given') : cross === undefined ? fresh : given('context', 'another sequence'),
  };
  return keySegments.flatMap((kind) => sizes[kind] ?? []);
}

const past = (label: string, detail: string): Segment => ({
  kind: 'cache',
  cells: pastTokens,
  labels: [label, detail],
});
const fresh: Segment = { kind: 'new', cells: newTokens, labels: ['new', 'this call'] };
const given = (label: string, detail: string): Segment => ({
  kind: 'new',
  cells: pastTokens + newTokens,
  labels: [label, detail],
});

function isSeen(attention: AttentionShape, kind: KeySegment, row: number, column: number): boolean {
  const { mask } = attention;
  if (kind === 'zero' || kind === 'memory') return mask.window === undefined || mask.memoryVisible === 'always';
  const isGiven = attention.inputs === 'heads' || attention.cross !== undefined;
  const key = kind === 'new' && !isGiven ? pastTokens + column : column;
  return isVisible(mask, pastTokens + row, key);
}

function isVisible(mask: AttentionShape['mask'], query: number, key: number): boolean {
  if (mask.prefix !== undefined && key < drawn.prefix) return true;
  if (mask.causal && key > query) return false;
  if (mask.window !== undefined && Math.abs(query - key) >= drawn.window) return false;
  return mask.chunk === undefined || Math.floor(query / drawn.chunk) === Math.floor(key / drawn.chunk);
}
