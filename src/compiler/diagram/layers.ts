import { hue } from './style.ts';
import { type Block, rectangle, text } from './svg.ts';

const largest = 26;
const cellHeight = 30;
const legendHeight = 26;
const numbered = 17;

/** A cell for each layer in the hue of its kind, and what the hues mean. `kinds` are numbers into `names`. */
export function layerStrip(kinds: readonly number[], names: readonly string[], width: number): Block {
  const pitch = Math.min(largest, width / kinds.length);
  const cells = kinds.map((kind, layer) => {
    const x = layer * pitch;
    const box = rectangle(x, 0, pitch - Math.min(3, pitch / 5), cellHeight, `${hue(kind)} box`, Math.min(3, pitch / 4));
    return pitch < numbered ? box : box + text(x + pitch / 2 - 1, cellHeight / 2 + 4, String(layer), 'small middle');
  });
  if (names.length < 2) return { svg: cells.join('\n'), height: cellHeight };
  let x = 0;
  const legend = names.map((name, kind) => {
    const label = `${name} (${kinds.filter((one) => one === kind).length})`;
    const entry = rectangle(x, cellHeight + 12, 12, 12, `${hue(kind)} box`) + text(x + 18, cellHeight + 22, label);
    x += 40 + label.length * 7;
    return entry;
  });
  return { svg: [...cells, ...legend].join('\n'), height: cellHeight + legendHeight };
}
