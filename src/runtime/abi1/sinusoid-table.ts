import type { SinusoidTableDecl } from './definition.ts';

export interface SinusoidShape extends Pick<SinusoidTableDecl, 'width' | 'pairing'> {
  /** Number of positions. */
  readonly rows: number;
}

/**
 * `[rows, width]` with rows padded to four entries: sin and cos of position × 10000^(−2e / width) for pair e, computed in f64
 * and rounded once to f32. Source: Attention Is All You Need, arXiv 1706.03762. `width` is even.
 */
export function sinusoidTable({ width, pairing, rows }: SinusoidShape): Float32Array<ArrayBuffer> {
  const pairs = width / 2;
  const pitch = Math.ceil(width / 4) * 4;
  const table = new Float32Array(rows * pitch);
  for (let position = 0; position < rows; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * 10000 ** ((-2 * pair) / width);
      const [sine, cosine] = pairing === 'half' ? [pair, pair + pairs] : [2 * pair, 2 * pair + 1];
      table[position * pitch + sine] = Math.sin(angle);
      table[position * pitch + cosine] = Math.cos(angle);
    }
  }
  return table;
}
