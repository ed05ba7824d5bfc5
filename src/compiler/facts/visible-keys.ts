import type { AttentionNode } from '../ir/nodes.ts';

/** Queries at the end of a sequence of `keys`; in cross-attention, beside one. */
export interface QueryRange {
  readonly tokens: number;
  readonly keys: number;
}

/** Sequence keys from `first` to `last`, and those before `prefix`. */
interface Visible {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

/** What masks that are known beforehand leave; expressions, documents and padding are taken to hide nothing. */
function visibleAt({ mask, cross }: AttentionNode, position: number, keys: number): Visible {
  if (cross) return { first: 0, last: keys - 1, prefix: 0 };
  const { causal, window, chunk, prefix = 0 } = mask;
  const chunkStart = chunk === undefined ? 0 : position - (position % chunk);
  const windowStart = window === undefined ? 0 : position - window + 1;
  const chunkEnd = chunk === undefined ? keys : chunkStart + chunk;
  return {
    first: Math.max(0, chunkStart, windowStart),
    last: Math.min(keys, chunkEnd, causal ? position + 1 : keys) - 1,
    prefix: prefix === 'runtime' ? 0 : Math.min(prefix, keys),
  };
}

const countOf = ({ first, last, prefix }: Visible) =>
  last - first + 1 + Math.min(prefix, first) + Math.max(0, prefix - last - 1);

/** Pairs of a query and a key column that it sees, of one sequence and one head. */
export function visiblePairs(node: AttentionNode, { tokens, keys }: QueryRange): number {
  const { zero, memory } = node.columns;
  let pairs = tokens * (zero + memory);
  for (let token = 0; token < tokens; token++) pairs += countOf(visibleAt(node, keys - tokens + token, keys));
  return pairs;
}

/** Keys of the sequence that any of the queries sees: what must be read of a cache. */
export function keysSeen(node: AttentionNode, { tokens, keys }: QueryRange): number {
  const earliest = visibleAt(node, keys - tokens, keys);
  const { last } = visibleAt(node, keys - 1, keys);
  return countOf({ ...earliest, last });
}
