import { f16ToF32, f32ToF16 } from '../../src/runtime/abi1/floats.ts';
import { valueAt } from '../../src/tune/device-data.ts';
import { int8Rows } from '../../src/tune/int8-data.ts';

/** One attention of the benchmark. Queries are `[B, I, H, D]`; keys and values `[B, J, K, D]` unless they are in a cache. */
export interface AttentionCase {
  readonly name: string;
  readonly qHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Query tokens; 1 is decoding. With `lengths` those of the longest. */
  readonly tokens: number;
  readonly keys: number;
  /** Tokens, and keys, of each sequence of a batch; absent: one sequence. */
  readonly lengths?: readonly number[];
  /**
   * A cache `[B, K, J, D]` in place of given keys and values: of integers, or of latent rows in f16, whose first `valueDim` entries are
   * the values of all heads. Heads have `ownDim` entries, and the other entries of the rows, before they are brought into their space.
   */
  readonly cache?:
    | { readonly kind: 'int8' }
    | { readonly kind: 'latent'; readonly valueDim: number; readonly ownDim: number };
  readonly window?: number;
  readonly memory?: number;
  readonly sinks?: boolean;
  readonly softcap?: number;
  /** Keys and values that are given; absent: f16. */
  readonly keyDtype?: 'f32' | 'f16';
  /** Queries and outputs; absent: f32. */
  readonly activations?: 'f32' | 'f16';
  /** Queries of f32 may be rounded; absent: f32, they may not. */
  readonly compute?: 'f16';
  /** Factor on the queries: large logits. Unless it is a power of two, f16 does not hold them. */
  readonly queryScale?: number;
}

/** Of memory and sinks, which are f32: such that f16 does not hold them. */
export const weightAt = (index: number, seed: number): number => Math.fround(1.1 * valueAt(index, seed));

export const seeds = { q: 1, k: 2, v: 3, memory_k: 4, memory_v: 5, sinks: 6 } as const;

/** Tokens of each sequence. */
export const lengthsOf = ({ lengths, tokens }: AttentionCase): readonly number[] => lengths ?? [tokens];

export const valueDimOf = ({ cache, headDim }: AttentionCase): number =>
  cache?.kind === 'latent' ? cache.valueDim : headDim;

/** What was computed of a case: every profile is compared with some of the same rows. */
interface Known {
  readonly stored: Stored;
  readonly rows: Map<string, Float64Array>;
}

const known = new WeakMap<AttentionCase, Known>();

function referenceRow(one: AttentionCase, row: Row): Float64Array {
  const { stored, rows } = known.get(one) ?? { stored: storedIn(one), rows: new Map<string, Float64Array>() };
  known.set(one, { stored, rows });
  const key = `${row.sequence} ${row.token} ${row.head}`;
  const found = rows.get(key) ?? computeRow(one, row, stored);
  rows.set(key, found);
  return found;
}

/** Keys and values by row. */
interface Stored {
  readonly key: (row: number) => ArrayLike<number>;
  readonly value: (row: number) => ArrayLike<number>;
}

function halfRow(row: number, width: number, seed: number): Float64Array {
  const entries = new Float64Array(width);
  for (let e = 0; e < width; e++) entries[e] = valueAt(row * width + e, seed);
  return entries;
}

const weightRow = (row: number, width: number, seed: number): Float64Array =>
  Float64Array.from({ length: width }, (_, e) => weightAt(row * width + e, seed));

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let e = 0; e < a.length; e++) sum += (a[e] ?? 0) * (b[e] ?? 0);
  return sum;
}

function storedIn({ cache, headDim: width }: AttentionCase): Stored {
  if (cache?.kind === 'int8') return { key: int8Rows(width, seeds.k), value: int8Rows(width, seeds.v) };
  return { key: (row) => halfRow(row, width, seeds.k), value: (row) => halfRow(row, width, seeds.v) };
}

/** The exact output of one row in f64, from the same seeded numbers as the device's. */
function computeRow(one: AttentionCase, { sequence, token, head }: Row, stored: Stored): Float64Array {
  const { qHeads, kvHeads, headDim: width, memory = 0, cache } = one;
  const kvHead = Math.floor(head / (qHeads / kvHeads));
  const queryAt = ((sequence * one.tokens + token) * qHeads + head) * width;
  const factor = Math.fround(one.queryScale ?? 1);
  // Rounded as the device rounds it.
  const rounded = one.activations === 'f16' ? (value: number) => f16ToF32(f32ToF16(value)) : Math.fround;
  const query = Float32Array.from({ length: width }, (_, e) => rounded(valueAt(queryAt + e, seeds.q) * factor));
  const position = (one.lengths === undefined ? one.keys - one.tokens : 0) + token;
  const first = one.window === undefined ? 0 : Math.max(0, position - one.window + 1);
  const scale = 1 / Math.sqrt(cache?.kind === 'latent' ? cache.ownDim + width - cache.valueDim : width);
  const logitOf = (key: ArrayLike<number>) => {
    const logit = dot(query, key) * scale;
    return one.softcap === undefined ? logit : one.softcap * Math.tanh(logit / one.softcap);
  };
  const mean = new WeightedMean(valueDimOf(one), one.sinks ? weightAt(head, seeds.sinks) : Number.NEGATIVE_INFINITY);
  for (let slot = kvHead * memory; slot < (kvHead + 1) * memory; slot++)
    mean.add(logitOf(weightRow(slot, width, seeds.memory_k)), weightRow(slot, width, seeds.memory_v));
  for (let key = first; key <= position; key++) {
    const row =
      cache === undefined
        ? (sequence * one.keys + key) * kvHeads + kvHead
        : (sequence * kvHeads + kvHead) * one.keys + key;
    const entries = stored.key(row);
    mean.add(logitOf(entries), cache?.kind === 'latent' ? entries : stored.value(row));
  }
  return mean.result();
}

/** Rows weighted by the exponentials of their logits, relative to the largest so far. */
class WeightedMean {
  readonly #sums: Float64Array;
  #most: number;
  #weights: number;

  /** @param sink a logit whose row is zero */
  constructor(width: number, sink: number) {
    this.#sums = new Float64Array(width);
    this.#most = sink;
    this.#weights = sink === Number.NEGATIVE_INFINITY ? 0 : 1;
  }

  add(logit: number, row: ArrayLike<number>): void {
    if (logit > this.#most) this.#scale(Math.exp(this.#most - logit), logit);
    const weight = Math.exp(logit - this.#most);
    this.#weights += weight;
    for (let e = 0; e < this.#sums.length; e++) this.#sums[e] = (this.#sums[e] ?? 0) + weight * (row[e] ?? 0);
  }

  #scale(factor: number, most: number): void {
    this.#most = most;
    this.#weights *= factor;
    for (let e = 0; e < this.#sums.length; e++) this.#sums[e] = (this.#sums[e] ?? 0) * factor;
  }

  result(): Float64Array {
    return this.#sums.map((sum) => sum / this.#weights);
  }
}

export interface RowErrors {
  /** ‖out − reference‖ / ‖reference‖ over all rows that were checked. */
  readonly relative: number;
  /** NaN when any row has one. */
  readonly worstRow: number;
  readonly rows: number;
}

/** A row of the output `[B, I, H, Dv]`. */
export interface Row {
  readonly sequence: number;
  readonly token: number;
  readonly head: number;
}

/** Rows spread over the sequences, tokens and heads, the first and the last among them. */
export function spreadRows(one: AttentionCase, count = 24): readonly Row[] {
  const lengths = lengthsOf(one);
  return Array.from({ length: count }, (_, n) => {
    const sequence = n % lengths.length;
    const tokens = lengths[sequence] ?? 1;
    const token = n >= count - lengths.length ? tokens - 1 : Math.floor((n * tokens) / count);
    return { sequence, token, head: (n * 7) % one.qHeads };
  });
}

/** Of all rows, those that are furthest apart in two outputs: where one of them is wrong, if any is. NaN is furthest. */
export function furthestRows(one: AttentionCase, out: Float32Array, other: Float32Array, count = 4): readonly Row[] {
  const width = valueDimOf(one);
  const distances = rowsOf(one).map((row) => ({ row, distance: distanceOf(out, other, placeOf(one, row), width) }));
  distances.sort((a, b) => (b.distance > a.distance ? 1 : b.distance < a.distance ? -1 : 0));
  return distances.slice(0, count).map(({ row }) => row);
}

function rowsOf(one: AttentionCase): readonly Row[] {
  return lengthsOf(one).flatMap((tokens, sequence) =>
    Array.from({ length: tokens * one.qHeads }, (_, n) => ({
      sequence,
      token: Math.floor(n / one.qHeads),
      head: n % one.qHeads,
    })),
  );
}

/** Index of the row's first entry in an output. */
const placeOf = (one: AttentionCase, { sequence, token, head }: Row) =>
  ((sequence * one.tokens + token) * one.qHeads + head) * valueDimOf(one);

function distanceOf(out: Float32Array, other: Float32Array, from: number, width: number): number {
  let difference = 0;
  let norm = 0;
  for (let at = from; at < from + width; at++) {
    difference += ((out[at] ?? 0) - (other[at] ?? 0)) ** 2;
    norm += (other[at] ?? 0) ** 2;
  }
  const distance = difference / norm;
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
}

/** Compares rows with the exact reference. */
export function checkRows(one: AttentionCase, out: Float32Array, rows: readonly Row[]): RowErrors {
  let difference = 0;
  let norm = 0;
  let worstRow = 0;
  for (const row of rows) {
    const reference = referenceRow(one, row);
    const from = placeOf(one, row);
    let rowDifference = 0;
    let rowNorm = 0;
    for (const [e, expected] of reference.entries()) {
      const got = out[from + e] ?? Number.NaN;
      rowDifference += (got - expected) ** 2;
      rowNorm += expected ** 2;
    }
    difference += rowDifference;
    norm += rowNorm;
    worstRow = Math.max(worstRow, Math.sqrt(rowDifference / rowNorm));
  }
  return { relative: Math.sqrt(difference / norm), worstRow, rows: rows.length };
}
