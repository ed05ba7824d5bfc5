import type {
  AlibiShape,
  AttentionShape,
  CacheDtype,
  CacheLayout,
  HeadGroup,
  KeyColumns,
  MaskShape,
  ParameterShape,
  T5Shape,
} from '../../check/shaped-spec.ts';
import type { Expression } from '../../expression/tree.ts';
import type { NodeBase } from './base.ts';

/**
 * q `[B, I, H, D]` against the key columns `[zero | memory | sequence]` → out `[B, I, H, Dv]`.
 * The sequence's k and v are `[B, K, C, D]` (`heads-first`: a cache) or `[B, J, K, D]` (`tokens-first`: given by the app).
 * Order: similarity · scale → mixing `pre` → biases and softcap (of sequence columns; the cap is for all columns), or `score` in their place → masks → sink → normaliser → mixing `post`,
 * `preScalePost` → values. The zero column's similarity is 0 (`dot`) or −‖q‖² (`l2`). Positions: query i stands at past + i. A row that sees nothing is zero.
 * Rows of heads that are not `active` are zero. `heads.numbers` says how biases and expressions count the heads.
 * In cross-attention (`cross`) the sequence is the context: its length per sequence, never causal.
 * Without v the values are the first Dv entries of the keys; never with memory.
 */
export interface AttentionNode extends NodeBase {
  readonly op: 'attention';
  readonly q: string;
  readonly k: string;
  readonly v?: string;
  readonly cross: boolean;
  readonly keyLayout: 'heads-first' | 'tokens-first';
  readonly keyDtype: CacheDtype;
  readonly cacheLayout?: CacheLayout;
  /** As in the append before it. */
  readonly pages?: string;
  readonly memory?: { readonly k: string; readonly v: string };
  readonly columns: KeyColumns;
  readonly heads: HeadGroup;
  readonly headDim: number;
  readonly valueDim: number;
  readonly similarity: 'dot' | 'l2';
  /** Precision that sums of similarities may have; absent: f32. */
  readonly compute?: 'f16';
  readonly scale: number;
  readonly mask: MaskShape;
  /** u32 `[B, J]` (`[B, X]` in cross-attention); present when `mask.padding` is not none. */
  readonly keyMask?: string;
  /** Indices of query heads, or a mask u32 `[H]`; absent: all. Never with mixing. */
  readonly active?: readonly number[] | { readonly mask: string };
  /** u32 `[B, J]`; present with `mask.documents`. */
  readonly documents?: string;
  /** f32 `[H]`. */
  readonly sinks?: string;
  readonly softcap?: { readonly cap: number; readonly order: 'cap-bias' | 'bias-cap' };
  /** Of all columns; `s` is the scaled and mixed similarity, `k` is not defined on zero and memory columns. */
  readonly score?: Expression;
  /** What `score` and `mask.where` index, each with its tensor. */
  readonly parameters: readonly (ParameterShape & { readonly tensor: string })[];
  /** f32 `[1|B, 1|H, I, J]`. */
  readonly bias?: { readonly tensor: string; readonly perBatch: boolean; readonly perHead: boolean };
  readonly alibi?: AlibiShape;
  /** Table f32 `[buckets, H]`. */
  readonly t5?: T5Shape & { readonly table: string };
  /** Tensors `[H, H]`. */
  readonly mixing: { readonly pre?: string; readonly post?: string; readonly preScalePost?: string };
  readonly normalizer: AttentionShape['normalizer'];
  /**
   * Kept beside the output, `[B, H, I, columns]`: what goes into the normaliser, `hiddenScore` where a column is hidden, and what the
   * values are multiplied with.
   */
  readonly kept?: { readonly scores?: string; readonly pattern?: string };
  readonly out: string;
}
