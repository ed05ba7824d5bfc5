import { extent } from '../../../../grammar/option.ts';
import type { Interval, KnownRanges } from '../../expression/ranges.ts';
import type { AttentionShape, HeadGroup, KeyColumns, MaskShape } from '../shaped-spec.ts';

/** What expressions depend on, resolved before them. */
export interface ExpressionContext {
  readonly heads: HeadGroup;
  readonly columns: KeyColumns;
  readonly mask: MaskShape;
  readonly inputs: AttentionShape['inputs'];
  readonly isCross: boolean;
  /** Longest sequence, where it is known. */
  readonly context?: number;
}

/** Sequences of a call at most: the kernels have so many in a uniform buffer. */
const mostSequences = 256;

/** What the integers of an expression may be. A score is only asked for where the masks let a query see a key; a mask everywhere. */
export function knownRanges(
  { heads, mask, inputs, isCross, context = extent.max }: ExpressionContext,
  kind: 'score' | 'mask',
): KnownRanges {
  const positions = { low: 0, high: context - 1 };
  // With more given queries than keys the first queries stand before the first key.
  const q = inputs === 'heads' ? { ...positions, low: -extent.max } : positions;
  const lengths = { low: 0, high: context };
  const names = {
    q,
    k: positions,
    h: { low: 0, high: heads.qHeads - 1 },
    kv: { low: 0, high: heads.kvHeads - 1 },
    b: { low: 0, high: mostSequences - 1 },
    q_len: lengths,
    k_len: lengths,
  };
  const any: Interval = { low: q.low - positions.high, high: q.high };
  const { causal, window = Number.POSITIVE_INFINITY, chunk = Number.POSITIVE_INFINITY, prefix } = mask;
  // Every query sees the keys of a prefix, at any distance.
  if (kind === 'mask' || isCross || prefix !== undefined) return { names, distance: any };
  const { minDistance = any.low, maxDistance = any.high } = mask.where?.bounds ?? {};
  const low = Math.max(any.low, causal ? 0 : any.low, 1 - chunk, minDistance);
  return { names, distance: { low, high: Math.min(any.high, window - 1, chunk - 1, maxDistance) } };
}
