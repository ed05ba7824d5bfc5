import type { KeyBounds } from '../../expression/bounds.ts';
import type { Expression } from '../../expression/tree.ts';

/** The key columns that precede the sequence: `[zero | memory | cache | new]`. Zero and memory columns have no position. */
export interface KeyColumns {
  readonly zero: 0 | 1;
  readonly memory: number;
}

export interface MaskShape {
  /** Right-aligned: query i sees sequence keys up to its own position. */
  readonly causal: boolean;
  /** Keys that stand W or more positions before the query are hidden: with `causal` the last W keys remain, the query's own included. */
  readonly window?: number;
  /** Only keys whose position divided by C is the query's: the sequence is cut after every C positions. Memory and zero columns are seen from all chunks. */
  readonly chunk?: number;
  /** Keys at positions before this are seen by every query, whatever `causal`, `window` and `chunk` hide; `runtime`: given per sequence with each call. */
  readonly prefix?: number | 'runtime';
  /** A runtime tensor `documents` u32 `[B, J]`: a query sees keys of its own document. */
  readonly documents: boolean;
  /** Memory and zero columns under a window: visible always, or windowed as if they stood right before the first token (slot m at m − M, zero at −M − 1). */
  readonly memoryVisible: 'always' | 'windowed';
  /** A runtime tensor `key_mask` u32 `[B, J]`, 1 where a key may be seen. `queries` also makes the rows of hidden tokens zero (self-attention). */
  readonly padding: 'none' | 'keys' | 'keys_and_queries';
  /** Hidden where this does not hold. `sequence`: zero and memory columns are visible whatever it says. */
  readonly where?: {
    readonly condition: Expression;
    readonly columns: 'sequence' | 'all';
    /** Sequence keys that it can show. */
    readonly bounds: KeyBounds;
  };
}
