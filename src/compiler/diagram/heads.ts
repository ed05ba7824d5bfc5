import type { HeadGroup } from '../check/shaped-spec.ts';
import { hue } from './style.ts';
import { element, type NarrowBlock, rectangle, text } from './svg.ts';

const labelWidth = 96;
const largestBox = 30;
const rowGap = 44;
/** Smaller boxes have no room for a number. */
const smallestNumbered = 19;

/** Query heads above the KV heads that they read, joined by lines; each KV head has a hue. */
export function headGroups({ qHeads, kvHeads, queriesPerKv, order }: HeadGroup, width: number): NarrowBlock {
  const pitch = Math.min(largestBox + 4, (width - labelWidth) / qHeads);
  const box = pitch - Math.min(4, pitch / 5);
  const kvOf = (q: number) => (order === 'blocked' ? Math.floor(q / queriesPerKv) : q % kvHeads);
  const queryX = (q: number) => labelWidth + q * pitch;
  /** KV heads are spread under the query heads. */
  const kvX = (kv: number) => labelWidth + ((kv + 0.5) * pitch * qHeads) / kvHeads - pitch / 2;
  const kvY = box + rowGap;
  const parts = [
    text(0, box / 2 + 4, 'query heads', 'quiet'),
    text(0, kvY + box / 2 + 4, kvHeads === 1 ? 'KV head' : 'KV heads', 'quiet'),
    ...range(qHeads).map((q) => joint(queryX(q) + box / 2, box, kvX(kvOf(q)) + box / 2, kvY, hue(kvOf(q)))),
    ...range(qHeads).map((q) => head(queryX(q), 0, box, q, hue(kvOf(q)))),
    ...range(kvHeads).map((kv) => head(kvX(kv), kvY, box, kv, hue(kv))),
  ];
  return { svg: parts.join('\n'), width: labelWidth + qHeads * pitch, height: kvY + box };
}

function head(x: number, y: number, size: number, index: number, style: string): string {
  const number = size < smallestNumbered ? '' : text(x + size / 2, y + size / 2 + 4, String(index), 'small middle');
  return rectangle(x, y, size, size, `${style} box`, Math.min(4, size / 4)) + number;
}

function joint(x1: number, y1: number, x2: number, y2: number, style: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => Math.round(value * 100) / 100);
  const middle = Math.round(((y1 + y2) / 2) * 100) / 100;
  return element('path', { d: `M${a} ${b}C${a} ${middle} ${c} ${middle} ${c} ${d}`, class: `${style} line` });
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
