import type { AttentionTilePlan } from '../../../plan/attention/kernel-plan.ts';
import { repeat, wgsl } from '../../wgsl.ts';

/**
 * The two products of `attention_tile`, of a slice each. Text, not arrays: what a loop indexes may not stay in registers. Reads are
 * indexed by constants, loop variables and the invocation's index, so that their range is known and none is clamped.
 */
export interface Products {
  /** What the text calls. */
  readonly functions: readonly string[];
  /** What products of queries and keys are summed in, over `SUM_VECTORS` of the width, where it is not the scores themselves. */
  readonly startScores: string;
  /** A slice of the queries in `left` times that of the keys in `right`. */
  readonly keys: string;
  readonly addScores: string;
  /** What a tile's products of weights and values are summed in, where it is not the outputs themselves. */
  readonly startOutputs: string;
  /** The weights in `left` times a slice of values in `right`. */
  readonly values: string;
  readonly addOutputs: string;
}

export const productsOf = (plan: AttentionTilePlan): Products =>
  (plan.products === 'f16' ? halfProducts : products)(plan);

const keyRow = (key: number, vector: string) => `right[(${key}u * KEY_LANES + key_lane) * KEY_PITCH + ${vector}]`;
/** Of queries, and of weights. */
const leftRow = (r: number, vector: string) => `left[tile_row_${r} * LEFT_PITCH + ${vector}]`;
const valueRow = (key: number, m: number) => `right[(VECTOR * vector + ${key}u) * VALUE_VECTORS + value_vector_${m}]`;

function products({
  headDim,
  headSlice,
  rowsEach,
  keyVectors,
  valueVectorsEach,
  similarity,
}: AttentionTilePlan): Products {
  const rows = (text: (r: number) => string) => repeat(rowsEach, text);
  const add = similarity === 'dot' ? 'add_products' : 'subtract_squares';
  const whole = Math.ceil(headDim / 4) % headSlice === 0;
  const multiplyKeys = (n: number) => wgsl`
    let keys_${n} = transpose(mat4x4f(
      ${repeat(4, (key) => `${keyRow(4 * n + key, 'key_place')},`)}
    ));
    ${rows((r) => `score_${r}_${n} = ${add}(score_${r}_${n}, query_${r}, keys_${n});`)}`;
  const multiplyValues = (m: number) => wgsl`
    let values_${m} = mat4x4f(
      ${repeat(4, (key) => `${valueRow(key, m)},`)}
    );
    ${rows((r) => `output_${r}_${m} = add_products(output_${r}_${m}, weights_${r}, values_${m});`)}`;
  return {
    functions: [addProducts('vec4f', 'mat4x4f'), ...(similarity === 'l2' ? [subtractSquares] : [])],
    startScores: '',
    keys: wgsl`
      for (var vector = 0u; vector < ${whole ? 'HEAD_SLICE' : 'min(HEAD_SLICE, HEAD_VECTORS - first_vector)'}; vector++) {
        let query_place = (row_lane + vector) % LEFT_PITCH;
        let key_place = (key_lane + vector) % KEY_PITCH;
        ${rows((r) => `let query_${r} = ${leftRow(r, 'query_place')};`)}
        ${repeat(keyVectors, multiplyKeys)}
      }`,
    addScores: '',
    startOutputs: '',
    values: wgsl`
      for (var vector = 0u; vector < KEY_SLICE; vector++) {
        let weights_place = (row_lane + first_vector${keyVectors === 1 ? '' : ' % KEY_LANES'} + vector) % LEFT_PITCH;
        ${rows((r) => `let weights_${r} = ${leftRow(r, 'weights_place')};`)}
        ${repeat(valueVectorsEach, multiplyValues)}
      }`,
    addOutputs: '',
  };
}

/** Sums of f16 stay short: of eight or four products, then of such sums, over 128 entries at most (`sumVectors`); and over the keys of a tile. */
function halfProducts({ rowsEach, keyVectors, valueVectorsEach, headSlice }: AttentionTilePlan): Products {
  const rows = (text: (r: number) => string) => repeat(rowsEach, text);
  const two = headSlice % 2 === 0;
  const turns = two
    ? 'var pair = 0u; pair < HEAD_SLICE / 2u; pair++'
    : 'var vector = 0u; vector < HEAD_SLICE; vector++';
  const vectors = two ? ['2u * pair', '2u * pair + 1u'] : ['vector'];
  const lines = (text: (vector: string, v: number) => string) => vectors.map(text).join('\n');
  const pairsOf = (r: number, key: number) =>
    vectors.reduce((sums, _, v) => `add_pairs(${sums}, query_${r}_${v}, key_${key}_${v})`, 'vec2h(0)');
  const multiplyKey = (key: number) => wgsl`
    ${lines((vector, v) => `let key_${key}_${v} = halves(${keyRow(key, vector)});`)}
    ${rows((r) => `pairs_${r}_${key} += ${pairsOf(r, key)};`)}`;
  const multiplyValues = (half: 'low' | 'high') => (m: number) => {
    const name = `values_${m}_${half}`;
    const add = (sums: string, part: string, r: number) =>
      `${sums} = add_products(${sums}, weights_${r}.${half}, ${name}.${part});`;
    return wgsl`
      let ${name} = rows(
        ${repeat(4, (key) => `${valueRow(half === 'low' ? key : key + 4, m)},`)}
      );
      ${rows((r) => `${add(`products_${r}_${2 * m}`, 'low', r)}\n${add(`products_${r}_${2 * m + 1}`, 'high', r)}`)}`;
  };
  const sumsOf = (r: number, quad: number) =>
    `sums_of(${[0, 1, 2, 3].map((key) => `pairs_${r}_${4 * quad + key}`).join(', ')}, &largest)`;
  return {
    functions: [halves, addPairs, addProducts('vec4h', 'mat4x4h')],
    startScores: rows((r) => repeat(8 * keyVectors, (key) => `var pairs_${r}_${key} = vec2h(f16(-START));`)),
    keys: wgsl`
      for (${turns}) {
        ${rows((r) => lines((vector, v) => `let query_${r}_${v} = halves(${leftRow(r, vector)});`))}
        ${repeat(8 * keyVectors, multiplyKey)}
      }`,
    addScores: rows((r) => repeat(2 * keyVectors, (quad) => `score_${r}_${quad} += ${sumsOf(r, quad)};`)),
    startOutputs: rows((r) => repeat(2 * valueVectorsEach, (q) => `var products_${r}_${q} = vec4h(0);`)),
    values: wgsl`
      for (var vector = 0u; vector < KEY_SLICE; vector++) {
        ${rows((r) => `let weights_${r} = halves(${leftRow(r, 'first_vector % KEY_LANES + vector')});`)}
        ${repeat(valueVectorsEach, multiplyValues('low'))}
        ${repeat(valueVectorsEach, multiplyValues('high'))}
      }`,
    addOutputs: rows((r) => repeat(2 * valueVectorsEach, (q) => `output_${r}_${q} += vec4f(products_${r}_${q});`)),
  };
}

const addProducts = (quad: string, block: string) => wgsl`
  /** What four entries of a row add to a quad of sums. */
  fn add_products(sums: ${quad}, factors: ${quad}, rows: ${block}) -> ${quad} {
    return sums + factors.x * rows[0] + factors.y * rows[1] + factors.z * rows[2] + factors.w * rows[3];
  }`;

const subtractSquares = wgsl`
  /** The similarity is −Σ (q − k)². */
  fn subtract_squares(sums: vec4f, entries: vec4f, rows: mat4x4f) -> vec4f {
    let a = entries.x - rows[0];
    let b = entries.y - rows[1];
    let c = entries.z - rows[2];
    let d = entries.w - rows[3];
    return sums - a * a - b * b - c * c - d * d;
  }`;

const halves = wgsl`
  /** Eight neighbouring entries. */
  struct Halves {
    low: vec4h,
    high: vec4h,
  }

  /** Four rows of them. */
  struct Rows {
    low: mat4x4h,
    high: mat4x4h,
  }

  fn halves(vector: vec4u) -> Halves {
    return Halves(bitcast<vec4h>(vector.xy), bitcast<vec4h>(vector.zw));
  }

  fn rows(first: vec4u, second: vec4u, third: vec4u, fourth: vec4u) -> Rows {
    let a = halves(first);
    let b = halves(second);
    let c = halves(third);
    let d = halves(fourth);
    return Rows(mat4x4h(a.low, b.low, c.low, d.low), mat4x4h(a.high, b.high, c.high, d.high));
  }`;

const addPairs = wgsl`
  /** Products of even and of odd entries are summed apart: two at a time, without any moving of halves. */
  fn add_pairs(sums: vec2h, query: Halves, key: Halves) -> vec2h {
    let low = sums + query.low.xy * key.low.xy + query.low.zw * key.low.zw;
    return low + query.high.xy * key.high.xy + query.high.zw * key.high.zw;
  }

  /** Scores of four keys, and the largest sum that they are made of. */
  fn sums_of(a: vec2h, b: vec2h, c: vec2h, d: vec2h, largest: ptr<function, vec2h>) -> vec4f {
    *largest = max(*largest, max(max(abs(a), abs(b)), max(abs(c), abs(d))));
    return vec4f(vec4h(a.x, b.x, c.x, d.x)) + vec4f(vec4h(a.y, b.y, c.y, d.y));
  }`;
