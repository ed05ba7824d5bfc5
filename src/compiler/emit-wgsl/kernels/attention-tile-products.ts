import type { AttentionTilePlan } from '../../plan/attention-kernel-plan.ts';
import { repeat, wgsl } from '../wgsl.ts';

/**
 * The two products of `attention_tile`, for one vector of each row that an invocation has. Text, not loops: what a loop indexes may
 * not stay in registers. Reads are indexed by constants, loop variables and the invocation's index, so that their range is known and
 * none is clamped.
 */
export interface Products {
  /** What the text calls. */
  readonly functions: readonly string[];
  /** Sums of a slice of keys and of a tile of values, where they are not the scores and outputs themselves. */
  readonly scoreSums: string;
  readonly outputSums: string;
  /** Vector `vector` of the queries in `left` times that of the keys in `right`. */
  readonly keys: string;
  /** Vector `first_vector + vector` of the weights in `left` times its values in `right`. */
  readonly values: string;
  readonly addScores: string;
  readonly addOutputs: string;
}

export const productsOf = (plan: AttentionTilePlan): Products =>
  (plan.products === 'f16' ? halfProducts : products)(plan);

const keyRow = (key: number) => `right[(${key}u * KEY_LANES + key_lane) * KEY_PITCH + vector]`;
const query = (r: number) => `left[tile_row_${r} * LEFT_PITCH + vector]`;
const weights = (r: number) => `left[tile_row_${r} * LEFT_PITCH + first_vector + vector]`;
const valueRow = (key: number, m: number) => `right[(VECTOR * vector + ${key}u) * VALUE_VECTORS + value_vector_${m}]`;

function products({ rowsEach, valueVectorsEach, similarity }: AttentionTilePlan): Products {
  const add = similarity === 'dot' ? 'add_products' : 'subtract_squares';
  const multiplyValues = (m: number) => wgsl`
    let values_${m} = mat4x4f(
      ${repeat(4, (key) => `${valueRow(key, m)},`)}
    );
    ${repeat(rowsEach, (r) => `output_${r}_${m} = add_products(output_${r}_${m}, weights_${r}, values_${m});`)}`;
  return {
    functions: [addProducts('vec4f', 'mat4x4f'), ...(similarity === 'l2' ? [subtractSquares] : [])],
    scoreSums: '',
    outputSums: '',
    keys: wgsl`
      ${repeat(rowsEach, (r) => `let query_${r} = ${query(r)};`)}
      let entries = transpose(mat4x4f(
        ${repeat(4, (key) => `${keyRow(key)},`)}
      ));
      ${repeat(rowsEach, (r) => `score_${r}_0 = ${add}(score_${r}_0, query_${r}, entries);`)}`,
    values: wgsl`
      ${repeat(rowsEach, (r) => `let weights_${r} = ${weights(r)};`)}
      ${repeat(valueVectorsEach, multiplyValues)}`,
    addScores: '',
    addOutputs: '',
  };
}

function halfProducts({ rowsEach, valueVectorsEach }: AttentionTilePlan): Products {
  const rows = (text: (r: number) => string) => repeat(rowsEach, text);
  const multiplyKey = (key: number) => wgsl`
    let key_${key} = halves(${keyRow(key)});
    ${rows((r) => `pairs_${r}_${key} = add_pairs(pairs_${r}_${key}, query_${r}, key_${key});`)}`;
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
    scoreSums: rows((r) => repeat(8, (key) => `var pairs_${r}_${key} = vec2h(0);`)),
    outputSums: rows((r) => repeat(2 * valueVectorsEach, (q) => `var products_${r}_${q} = vec4h(0);`)),
    keys: wgsl`
      ${rows((r) => `let query_${r} = halves(${query(r)});`)}
      ${repeat(8, multiplyKey)}`,
    values: wgsl`
      ${rows((r) => `let weights_${r} = halves(${weights(r)});`)}
      ${repeat(valueVectorsEach, multiplyValues('low'))}
      ${repeat(valueVectorsEach, multiplyValues('high'))}`,
    addScores: rows((r) => repeat(2, (quad) => `score_${r}_${quad} += ${sumsOf(r, quad)};`)),
    addOutputs: rows((r) => repeat(2 * valueVectorsEach, (q) => `output_${r}_${q} += vec4f(products_${r}_${q});`)),
  };
}

/** What four entries of a row add to a quad of sums. */
const addProducts = (quad: string, block: string) => wgsl`
  fn add_products(sums: ${quad}, factors: ${quad}, rows: ${block}) -> ${quad} {
    return sums + factors.x * rows[0] + factors.y * rows[1] + factors.z * rows[2] + factors.w * rows[3];
  }`;

/** The similarity is −Σ (q − k)². */
const subtractSquares = wgsl`
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

/** Products of even and of odd entries are summed apart: two at a time, without any moving of halves. */
const addPairs = wgsl`
  fn add_pairs(sums: vec2h, query: Halves, key: Halves) -> vec2h {
    let low = sums + query.low.xy * key.low.xy + query.low.zw * key.low.zw;
    return low + query.high.xy * key.high.xy + query.high.zw * key.high.zw;
  }

  fn sums_of(a: vec2h, b: vec2h, c: vec2h, d: vec2h, largest: ptr<function, vec2h>) -> vec4f {
    *largest = max(*largest, max(max(abs(a), abs(b)), max(abs(c), abs(d))));
    return vec4f(vec4h(a.x, b.x, c.x, d.x)) + vec4f(vec4h(a.y, b.y, c.y, d.y));
  }`;
