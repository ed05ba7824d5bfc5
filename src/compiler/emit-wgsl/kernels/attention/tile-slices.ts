import type { AttentionTilePlan } from '../../../plan/attention/kernel-plan.ts';
import { buffer } from '../../kernel.ts';
import { halvesOf } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import type { Part } from './attention.ts';
import { columnEntries } from './columns.ts';

/**
 * Workgroup memory of `attention_tile`: `left` has rows (queries, then weights), `right` what they are multiplied with (keys, then
 * values), a slice at a time, in vectors of 16 bytes: four f32 or eight f16. A lane reads its whole share of a slice before it
 * stores any of it, so that all of its reads are under way at once; not earlier, as registers are worth more than that.
 */
export const sliceFunctions = (plan: AttentionTilePlan): readonly string[] => [
  ...(plan.products === 'f16' ? halfVectors(plan) : wholeVectors(plan)),
  queries(plan),
  keys(plan),
  values(plan),
];

/** Shares may not come out even. */
function store(count: number, { threads }: AttentionTilePlan, statement: string): string {
  return count % threads === 0 ? statement : `if (index < ${count}u) {\n  ${statement}\n}`;
}

const share = (count: number, { threads }: AttentionTilePlan) => `${Math.ceil(count / threads)}u`;

function queries(plan: AttentionTilePlan): string {
  const members = plan.active === undefined ? '' : ', members';
  const count = plan.tileRows * plan.headSlice;
  const place =
    plan.products === 'f16' ? 'index % HEAD_SLICE' : '(index / HEAD_SLICE + index % HEAD_SLICE) % LEFT_PITCH';
  const stored = `left[index / HEAD_SLICE * LEFT_PITCH + ${place}] = held[n];`;
  return wgsl`
    alias HeldQueries = array<Vector, ${share(count, plan)}>;
    alias LaneRows = array<u32, ${share(count, plan)}>;

    /** The rows that a lane reads of every slice. */
    fn rows_of_lane(lane: u32, batch: u32, kv_head: u32, first_row: u32${members === '' ? '' : ', members: u32'}) -> LaneRows {
      var rows: LaneRows;
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        rows[n] = row_of(first_row + (lane + n * THREADS) / HEAD_SLICE, batch, kv_head${members}).index;
      }
      return rows;
    }

    /** A lane's share of a slice of the queries, into registers; then into workgroup memory. */
    fn fetch_queries(lane: u32, rows: LaneRows, first_vector: u32) -> HeldQueries {
      var held: HeldQueries;
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        held[n] = query_vector(rows[n], first_vector + (lane + n * THREADS) % HEAD_SLICE);
      }
      return held;
    }

    ${plan.products === 'f16' ? '' : '/** Rows begin at different vectors, so that neighbours lie in different banks. */'}
    fn store_queries(lane: u32, held: HeldQueries) {
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        let index = lane + n * THREADS;
        ${store(count, plan, stored)}
      }
    }`;
}

/**
 * Columns beyond the last one repeat it, here and for values, so that nothing unwritten is multiplied: they are masked. Neighbouring
 * keys stand KEY_LANES rows apart: one invocation takes them, and invocations side by side read side by side. Its second vector of
 * keys stands behind the first.
 */
function keys(plan: AttentionTilePlan): string {
  const count = plan.tileKeys * plan.headSlice;
  const [row, lane] =
    plan.keyVectors === 1
      ? ['key % VECTOR', 'key / VECTOR']
      : ['(key / (VECTOR * KEY_LANES) * VECTOR + key % VECTOR)', 'key / VECTOR % KEY_LANES'];
  const place = plan.products === 'f16' ? 'index % HEAD_SLICE' : `(${lane} + index % HEAD_SLICE) % KEY_PITCH`;
  const stored = `right[(${row} * KEY_LANES + ${lane}) * KEY_PITCH + ${place}] = held[n];`;
  return wgsl`
    alias HeldKeys = array<Vector, ${share(count, plan)}>;

    /** Columns beyond the last one repeat it: they are hidden. */
    fn fetch_keys(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32, first_vector: u32) -> HeldKeys {
      var held: HeldKeys;
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        let index = lane + n * THREADS;
        let column = min(first_column + index / HEAD_SLICE, columns - 1u);
        held[n] = key_vector(batch, kv_head, column, first_vector + index % HEAD_SLICE);
      }
      return held;
    }

    /** Neighbouring keys stand KEY_LANES rows apart: one lane multiplies them. */
    fn store_keys(lane: u32, held: HeldKeys) {
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        let index = lane + n * THREADS;
        let key = index / HEAD_SLICE;
        ${store(count, plan, stored)}
      }
    }`;
}

function values(plan: AttentionTilePlan): string {
  const count = plan.keySlice * plan.vectorEntries * Math.ceil(plan.valueDim / plan.vectorEntries);
  return wgsl`
    alias HeldValues = array<Vector, ${share(count, plan)}>;

    fn fetch_values(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) -> HeldValues {
      var held: HeldValues;
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        let index = lane + n * THREADS;
        let column = min(first_column + index / VALUE_VECTORS, columns - 1u);
        held[n] = value_vector(batch, kv_head, column, index % VALUE_VECTORS);
      }
      return held;
    }

    fn store_values(lane: u32, held: HeldValues) {
      for (var n = 0u; n < ${share(count, plan)}; n++) {
        let index = lane + n * THREADS;
        ${store(count, plan, 'right[index] = held[n];')}
      }
    }`;
}

/** The last slice may reach beyond the width: what it repeats there is not multiplied. */
function wholeVectors({ headDim, headSlice }: AttentionTilePlan): readonly string[] {
  const vector = Math.ceil(headDim / 4) % headSlice === 0 ? 'vector' : 'min(vector, HEAD_VECTORS - 1u)';
  return [
    wgsl`
      /** Four entries. */
      alias Vector = vec4f;

      fn query_vector(row: u32, vector: u32) -> vec4f {
        return load_q(row, ${vector});
      }

      fn key_vector(batch: u32, kv_head: u32, column: u32, vector: u32) -> vec4f {
        return key_at(batch, kv_head, column, ${vector});
      }

      fn value_vector(batch: u32, kv_head: u32, column: u32, vector: u32) -> vec4f {
        return value_at(batch, kv_head, column, vector);
      }`,
  ];
}

/** Queries of f16 whose rows are whole vectors are taken as they are. */
const hasWholeQueries = ({ products, queries, headDim }: AttentionTilePlan) =>
  products === 'f16' && queries === 'f16' && headDim % 8 === 0;

export const queryParts = (plan: AttentionTilePlan, byQuads: Part): Part =>
  hasWholeQueries(plan) ? { bindings: [buffer('q', 'vec4u')], functions: [] } : byQuads;

/** Beyond the width all is zero. */
function halfVectors(plan: AttentionTilePlan): readonly string[] {
  const { headDim, valueDim, headSlice, loadEntries } = plan;
  const reads = 8 / loadEntries;
  const headVectors = Math.ceil(headDim / 8);
  const quad = (index: string) =>
    headDim % 8 === 0 ? `load_q(row, ${index})` : `select(vec4f(0), load_q(row, ${index}), ${index} < HEAD_QUADS)`;
  return [
    wgsl`
      /** Eight entries of f16. */
      alias Vector = vec4u;

      fn query_vector(row: u32, vector: u32) -> vec4u {
        ${hasWholeQueries(plan) ? 'return q[row * HEAD_VECTORS + vector];' : `return vector_of(${quad('2u * vector')}, ${quad('2u * vector + 1u')});`}
      }

      fn vector_of(low: vec4f, high: vec4f) -> vec4u {
        return ${halvesOf(['low', 'high'])};
      }`,
    columnEntries('keys', plan, Math.ceil(headVectors / headSlice) * headSlice * reads),
    columnEntries('values', plan, Math.ceil(valueDim / 8) * reads),
    vectorOfColumn('key', plan),
    vectorOfColumn('value', plan),
  ];
}

function vectorOfColumn(name: 'key' | 'value', { loadEntries }: AttentionTilePlan): string {
  const entries = (part: string) => `${name}s_entries(batch, kv_head, column, ${part})`;
  return wgsl`
    fn ${name}_vector(batch: u32, kv_head: u32, column: u32, vector: u32) -> vec4u {
      return ${loadEntries === 8 ? entries('vector') : `vec4u(${entries('2u * vector')}, ${entries('2u * vector + 1u')})`};
    }`;
}
