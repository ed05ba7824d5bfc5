import { valueAt } from '../../src/tune/device-data.ts';

/** One attention of the benchmark. Keys and values are f16 `[B, J, K, D]`, queries `[B, I, H, D]`, batch 1. */
export interface AttentionCase {
  readonly name: string;
  readonly qHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Query tokens; 1 is decoding. */
  readonly tokens: number;
  readonly keys: number;
  readonly window?: number;
  readonly memory?: number;
  readonly sinks?: boolean;
  readonly softcap?: number;
  /** Queries and outputs; absent: f32. */
  readonly activations?: 'f16';
  /** Factor on the queries, a power of two: large logits. */
  readonly queryScale?: number;
}

export const seeds = { q: 1, k: 2, v: 3, memory_k: 4, memory_v: 5, sinks: 6 } as const;

/** Rows that were computed: every profile is compared with some of the same. */
const known = new WeakMap<AttentionCase, Map<string, Float64Array>>();

function referenceRow(one: AttentionCase, { token, head }: Row): Float64Array {
  const rows = known.get(one) ?? new Map<string, Float64Array>();
  known.set(one, rows);
  const key = `${token} ${head}`;
  const row = rows.get(key) ?? computeRow(one, token, head);
  rows.set(key, row);
  return row;
}

/** The exact output of one row in f64, from the same seeded numbers as the device's. */
function computeRow(one: AttentionCase, token: number, head: number): Float64Array {
  const { qHeads, kvHeads, headDim: width, memory = 0 } = one;
  const kvHead = Math.floor(head / (qHeads / kvHeads));
  const query = (e: number) => valueAt((token * qHeads + head) * width + e, seeds.q) * (one.queryScale ?? 1);
  const position = one.keys - one.tokens + token;
  const first = one.window === undefined ? 0 : Math.max(0, position - one.window + 1);
  const rows: { logit: number; value: (e: number) => number }[] = [];
  const add = (key: (e: number) => number, value: (e: number) => number) => {
    let dot = 0;
    for (let e = 0; e < width; e++) dot += query(e) * key(e);
    let logit = dot / Math.sqrt(width);
    if (one.softcap !== undefined) logit = one.softcap * Math.tanh(logit / one.softcap);
    rows.push({ logit, value });
  };
  for (let slot = 0; slot < memory; slot++) {
    const at = (kvHead * memory + slot) * width;
    add(
      (e) => valueAt(at + e, seeds.memory_k),
      (e) => valueAt(at + e, seeds.memory_v),
    );
  }
  for (let key = first; key <= position; key++) {
    const at = (key * kvHeads + kvHead) * width;
    add(
      (e) => valueAt(at + e, seeds.k),
      (e) => valueAt(at + e, seeds.v),
    );
  }
  const sink = one.sinks ? valueAt(head, seeds.sinks) : Number.NEGATIVE_INFINITY;
  const most = rows.reduce((m, { logit }) => Math.max(m, logit), sink);
  let sum = Math.exp(sink - most);
  const out = new Float64Array(width);
  for (const { logit, value } of rows) {
    const weight = Math.exp(logit - most);
    sum += weight;
    for (let e = 0; e < width; e++) out[e] = (out[e] ?? 0) + weight * value(e);
  }
  return out.map((entry) => entry / sum);
}

export interface RowErrors {
  /** ‖out − reference‖ / ‖reference‖ over all rows that were checked. */
  readonly relative: number;
  /** NaN when any row has one. */
  readonly worstRow: number;
  readonly rows: number;
}

/** A row of the output `[I, H, D]`. */
export interface Row {
  readonly token: number;
  readonly head: number;
}

/** Rows spread over the tokens and heads, the first and the last among them. */
export function spreadRows({ tokens, qHeads }: AttentionCase, count = 24): readonly Row[] {
  return Array.from({ length: count }, (_, n) => ({
    token: n === count - 1 ? tokens - 1 : Math.floor((n * tokens) / count),
    head: (n * 7) % qHeads,
  }));
}

/** Of all rows, those that are furthest apart in two outputs: where one of them is wrong, if any is. NaN is furthest. */
export function furthestRows(
  { qHeads, headDim }: AttentionCase,
  out: Float32Array,
  other: Float32Array,
  count = 4,
): readonly Row[] {
  const distances = Array.from({ length: out.length / headDim }, (_, row) => {
    let difference = 0;
    let norm = 0;
    for (let at = row * headDim; at < (row + 1) * headDim; at++) {
      difference += ((out[at] ?? 0) - (other[at] ?? 0)) ** 2;
      norm += (other[at] ?? 0) ** 2;
    }
    const distance = difference / norm;
    return { row, distance: Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance };
  });
  distances.sort((a, b) => (b.distance > a.distance ? 1 : b.distance < a.distance ? -1 : 0));
  return distances.slice(0, count).map(({ row }) => ({ token: Math.floor(row / qHeads), head: row % qHeads }));
}

/** Compares rows with the exact reference. */
export function checkRows(one: AttentionCase, out: Float32Array, rows: readonly Row[]): RowErrors {
  let difference = 0;
  let norm = 0;
  let worstRow = 0;
  for (const row of rows) {
    const { token, head } = row;
    const reference = referenceRow(one, row);
    let rowDifference = 0;
    let rowNorm = 0;
    for (const [e, expected] of reference.entries()) {
      const got = out[(token * one.qHeads + head) * one.headDim + e] ?? Number.NaN;
      rowDifference += (got - expected) ** 2;
      rowNorm += expected ** 2;
    }
    difference += rowDifference;
    norm += rowNorm;
    worstRow = Math.max(worstRow, Math.sqrt(rowDifference / rowNorm));
  }
  return { relative: Math.sqrt(difference / norm), worstRow, rows: rows.length };
}
