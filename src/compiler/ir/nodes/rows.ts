import type { NodeBase } from './base.ts';

/**
 * out `[B, I, width]`, the sum of what is given: tokens.scale · table[id] with ids `[B, I]`,
 * positions.scale · table[past + i + positions.offset], and row 0 of `types`. The table of `sinusoids` is the host's: row p has
 * sin and cos of p · 10000^(−2e / width) for pair e, at 2e and 2e + 1 (`interleaved`) or at e and e + width / 2 (`half`).
 */
export interface EmbedNode extends NodeBase {
  readonly op: 'embed';
  readonly width: number;
  readonly tokens?: { readonly ids: string; readonly table: string; readonly scale: number };
  readonly positions?: {
    readonly table: string;
    readonly scale: number;
    readonly offset: number;
    readonly sinusoids?: 'half' | 'interleaved';
  };
  readonly types?: string;
  readonly out: string;
}

/**
 * Normalises the last axis. rms: x / sqrt(mean(x²) + eps) · γ. layer: (x − mean) / sqrt(var + eps) · γ + β.
 * γ = weight + (unitOffset ? 1 : 0), or 1 without a weight. With `accumulate` the result is added to out. x is not out.
 * Rows of x may be wider, `xWidth`: their first `width` entries are read. With `rest`, rows of out are as wide, and end as those of x do.
 */
export interface NormNode extends NodeBase {
  readonly op: 'norm';
  readonly width: number;
  /** Each token has so many rows, `[B, I, heads, width]`. */
  readonly heads?: number;
  readonly kind: 'rms' | 'layer';
  readonly eps: number;
  readonly unitOffset: boolean;
  readonly x: string;
  readonly xWidth?: number;
  readonly rest?: true;
  readonly weight?: string;
  readonly bias?: string;
  readonly accumulate: boolean;
  readonly out: string;
}
