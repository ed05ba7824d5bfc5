import type { AttentionTilePlan } from '../../../plan/attention/kernel-plan.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { quads } from '../../../plan/extents.ts';
import { f32c, floats, type KernelSource, u32c, words } from '../../kernel.ts';
import { rowStorer, rowsOutBinding } from '../../storage.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { attentionParts, keepsVisibleTokens, lowestLogit, rowOf } from './attention.ts';
import { columnsBindings, columnsFunctions } from './columns.ts';
import { attentionText, withAxes } from './doc.ts';
import { silenceRows } from './heads.ts';
import { markAt, returnUnlessMarked } from './marks.ts';
import { nextTile } from './masks.ts';
import { nextOpen, nextOpenFunction, openColumns } from './open-columns.ts';
import { type Products, productsOf } from './tile-products.ts';
import { queryParts, sliceFunctions } from './tile-slices.ts';
import { sumConstants, sumVectors } from './tile-sums.ts';
import {
  greatestOf,
  laneOf,
  logitsOfTile,
  startAtSink,
  startScores,
  weigh,
  weightFunctions,
  weightsOf,
} from './tile-weights.ts';

/** Online softmax (Milakov & Gimelshein 2018; FlashAttention). */
export function attentionTile(plan: AttentionTilePlan): KernelSource {
  const parts = attentionParts(plan);
  const products = productsOf(plan);
  const isPartial = plan.active !== undefined;
  const members = isPartial ? 'members' : 'QUERIES_PER_KV';
  const given = isPartial ? ', members' : '';
  const zeroHidden = plan.mask.padding === 'keys_and_queries';
  const skipping = nextTile(plan, 'TILE_KEYS');
  const queries = queryParts(plan, parts.queries);
  const open = plan.looksAhead ? openColumns(plan) : undefined;
  const skipTiles = (column: string) =>
    skipping === undefined ? column : `next_tile(sequence, first_token, ${column})`;
  const skip = (column: string) => (open === undefined ? skipTiles(column) : nextOpen(skipTiles(column)));
  const half = plan.products === 'f16';
  const sharedColumns = half && parts.form === 'plain' && !isMaskGiven(plan.mask) ? parts.masks.shared : undefined;
  const vectorQuads = plan.vectorEntries / 4;
  const rows = (text: (r: number) => string) => repeat(plan.rowsEach, text);
  const outputs = (text: (output: string, r: number) => string) =>
    rows((r) => repeat(plan.valueVectorsEach * vectorQuads, (q) => text(`output_${r}_${q}`, r)));
  const weightsPlace = half ? 'key_lane' : '(row_lane + key_lane) % LEFT_PITCH';
  const storeWeights = rows((r) => `left[tile_row_${r} * LEFT_PITCH + ${weightsPlace}] = ${weightsOf(plan, r)};`);
  const headVectors = Math.ceil(plan.headDim / plan.vectorEntries);
  const valueVectors = Math.ceil(plan.valueDim / plan.vectorEntries);
  return {
    doc: [
      `Attention for many tokens: ${attentionText(plan)}`,
      'Rows are (token, query head of one KV head), so a group shares its keys and values.',
      ...(half
        ? [
            'Products of f16: a workgroup whose sums outgrow their precision marks itself and leaves its rows to the next kernel.',
          ]
        : []),
      ...(plan.marks === 'read' ? ['Works on the workgroups that the kernel before has marked.'] : []),
      `A workgroup holds ${plan.tileRows} rows and walks over tiles of ${plan.tileKeys} key columns, up to the last visible one.`,
      `An invocation has ${plan.rowsEach} rows: ${plan.keyVectors * plan.vectorEntries} of their scores each, and ${plan.valueVectorsEach * plan.vectorEntries} entries of their output.`,
    ].join('\n'),
    enables: parts.enables,
    constants: {
      ...parts.constants,
      VECTOR: u32c(plan.vectorEntries, 'entries of 16 bytes'),
      HEAD_VECTORS: u32c(headVectors),
      VALUE_VECTORS: u32c(valueVectors),
      TILE_ROWS: u32c(plan.tileRows),
      TILE_KEYS: u32c(plan.tileKeys),
      ROW_LANES: u32c(plan.rowLanes, 'side by side over the rows'),
      KEY_LANES: u32c(plan.keyLanes, 'side by side over the keys, and over the width of values'),
      LANE_QUADS: u32c(plan.keyLanes / 4),
      TILE_VECTORS: u32c(plan.keyLanes * plan.keyVectors, 'of the keys of a tile'),
      HEAD_SLICE: u32c(plan.headSlice, 'vectors of queries and keys that are staged at a time'),
      KEY_SLICE: u32c(plan.keySlice, 'vectors of keys whose values are staged at a time'),
      LEFT_PITCH: u32c(plan.leftPitch, 'vectors from one row to the next'),
      KEY_PITCH: u32c(plan.keyPitch, 'vectors from one key to the next'),
      THREADS: u32c(plan.threads),
      LOWEST: f32c(lowestLogit),
      ...(plan.marks && { MARK_ROWS: u32c(plan.markRows, 'that share a mark') }),
      ...(half && {
        HEADROOM: f32c(Math.log2(plan.tileKeys), 'sums of a tile of weights stay below 1'),
        ...sumConstants(plan),
      }),
    },
    bindings: withAxes(plan, [
      ...queries.bindings,
      ...(half ? columnsBindings(plan) : [...parts.keys.bindings, ...parts.values.bindings]),
      ...parts.logits.bindings,
      ...parts.groups.bindings,
      ...(plan.sinks ? [floats('sinks')] : []),
      rowsOutBinding('out', plan.valueDim, plan.out),
      ...(plan.marks ? [words('marks', half ? 'read_write' : 'read')] : []),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...queries.functions,
      ...(half ? columnsFunctions(plan) : [...parts.keys.functions, ...parts.values.functions]),
      ...parts.logits.functions,
      ...(sharedColumns === undefined ? [] : [sharedColumns]),
      ...parts.groups.functions,
      ...(zeroHidden ? [keepsVisibleTokens] : []),
      ...(skipping === undefined ? [] : [skipping]),
      ...(open === undefined ? [] : [open, nextOpenFunction]),
      rowStorer('out', plan.valueDim, plan.out),
      ...(fillsWidth(plan) ? [] : [writeWithin]),
      rowOf(members),
      ...(plan.marks ? [markAt] : []),
      ...sliceFunctions(plan),
      ...products.functions,
      ...weightFunctions(plan, parts.plain),
    ],
    body: wgsl`
      let kv_head = group.x;
      let batch = group.z;
      let sequence = sequences[batch];
      // The last rows see most columns when causal: they start first.
      let first_row = (groups.y - 1u - group.y) * TILE_ROWS;
      // Reads of 16 bytes are answered at twice the rate where every lane reads what its neighbour, or the one after, reads.
      let key_lane = lane / 2u % KEY_LANES;
      let row_lane = lane / (2u * KEY_LANES) * 2u + lane % 2u;
      ${isPartial ? `let members = ${parts.groups.members};` : ''}
      ${isPartial ? silenceRows : ''}
      ${plan.marks === 'read' ? returnUnlessMarked : ''}
      let last_token = min(first_row + TILE_ROWS - 1u, step.tokens * ${members} - 1u) / ${members};
      ${open === undefined ? 'let columns = visible_columns(sequence, last_token);' : lookForOpen(members)}

      // Rows and vectors of an invocation stand apart, so that invocations side by side read side by side.
      ${rows((r) => `let tile_row_${r} = row_lane${plus(r, 'ROW_LANES')};`)}
      ${repeat(plan.valueVectorsEach, (m) => `let value_vector_${m} = ${valueVector(m, valueVectors % plan.keyLanes === 0)};`)}
      ${rows((r) => `let row_${r} = row_of(first_row + tile_row_${r}, batch, kv_head${given});`)}
      ${rows((r) => (plan.sinks ? startAtSink(plan, r) : `var maximum_${r} = LOWEST;\nvar sum_${r} = 0.0;`))}
      ${outputs((output) => `var ${output} = vec4f(0);`)}

      ${open !== undefined || (skipping === undefined && sharedColumns === undefined) ? '' : `let first_token = first_row / ${members};`}
      ${sharedColumns === undefined ? '' : 'let seen_by_all = shared_columns(sequence, first_token, last_token);'}
      ${half ? startPrecise : ''}
      let lane_rows = rows_of_lane(lane, batch, kv_head, first_row${given});
      for (var first_column = ${skip('0u')}; first_column < columns; first_column = ${skip('first_column + TILE_KEYS')}) {
        // Scores: queries times keys.
        ${startScores(plan)}
        ${half ? 'var largest = vec2h(0);' : ''}
        ${slices(plan, products)}
        ${half ? noteImprecise : ''}

        ${half ? `var values = ${fetchValues('0u')};` : passKeys}
        // Weights, relative to the maximum so far.
        ${logitsOfTile(plan, sharedColumns !== undefined)}
        ${rows((r) => `${laneOf(plan, r)} = ${greatestOf(plan, r)};`)}
        ${half ? breakImprecise : 'workgroupBarrier();'}
        ${rows((r) => weigh(plan, r))}
        ${plan.keyVectors === 1 ? storeWeights : ''}
        ${outputs((output, r) => `${output} *= rescale_${r};`)}

        // Outputs: weights times values.
        ${products.startOutputs}
        for (var first_vector = 0u; first_vector < TILE_VECTORS; first_vector += KEY_SLICE) {
          ${breakBeyond}
          ${half ? '' : `let values = ${fetchValues('first_vector')};`}
          workgroupBarrier();
          ${plan.keyVectors === 1 ? '' : `if (first_vector % KEY_LANES == 0u) {\n  ${storeWeights.replaceAll('\n', '\n  ')}\n}`}
          store_values(lane, values);
          workgroupBarrier();
          ${half ? fetchAhead : ''}
          ${products.values}
        }
        ${products.addOutputs}
      }

      // The lanes of a row have sums of their own.
      ${half ? markImprecise : 'workgroupBarrier();'}
      ${rows((r) => `${laneOf(plan, r)} = sum_${r};`)}
      workgroupBarrier();
      ${rows((r) => finish(plan, r, members, zeroHidden))}`,
  };
}

const lookForOpen = (members: string) => wgsl`
  let first_token = first_row / ${members};
  let open = open_columns(lane, batch, sequence, first_token, last_token, visible_columns(sequence, last_token));
  let columns = open.y;`;

/** Products of queries and keys. Sums of f16 are added in f32 before they are too long. */
function slices(plan: AttentionTilePlan, products: Products): string {
  const headVectors = Math.ceil(plan.headDim / plan.vectorEntries);
  if (plan.products === 'f32') return wholeSlices(headVectors > plan.headSlice, products);
  const slice = (first: string, end: string) => wgsl`
    for (var first_vector = ${first}; first_vector < ${end}; first_vector += HEAD_SLICE) {
      let queries = ${fetchQueries};
      let keys = ${fetchKeys('first_vector')};
      ${storeSlices}
      ${products.keys}
    }`;
  const summed = sumVectors(plan);
  if (headVectors <= summed)
    return wgsl`
      ${products.startScores}
      ${slice('0u', 'HEAD_VECTORS')}
      ${products.addScores}`;
  const end = headVectors % summed === 0 ? `first_sum + ${summed}u` : `min(first_sum + ${summed}u, HEAD_VECTORS)`;
  return wgsl`
    for (var first_sum = 0u; first_sum < HEAD_VECTORS; first_sum += ${summed}u) {
      ${products.startScores}
      ${slice('first_sum', end)}
      ${products.addScores}
    }`;
}

/** Keys of the next slice are fetched while this one is multiplied: there are registers for them, but not for queries. */
function wholeSlices(areMany: boolean, products: Products): string {
  const fetchNext = wgsl`
    if (first_vector + HEAD_SLICE < HEAD_VECTORS) {
      keys = ${fetchKeys('first_vector + HEAD_SLICE')};
    }`;
  return wgsl`
    ${areMany ? 'var' : 'let'} keys = ${fetchKeys('0u')};
    for (var first_vector = 0u; first_vector < HEAD_VECTORS; first_vector += HEAD_SLICE) {
      let queries = ${fetchQueries};
      ${storeSlices}
      ${areMany ? fetchNext : ''}
      ${products.keys}
    }`;
}

const fetchQueries = 'fetch_queries(lane, lane_rows, first_vector)';
const fetchKeys = (vector: string) => `fetch_keys(lane, batch, kv_head, first_column, columns, ${vector})`;

const storeSlices = wgsl`
  workgroupBarrier();
  store_queries(lane, queries);
  store_keys(lane, keys);
  workgroupBarrier();`;

const fetchValues = (vector: string) =>
  `fetch_values(lane, batch, kv_head, first_column${vector === '0u' ? '' : ` + VECTOR * ${vector}`}, columns)`;

/** Values that are f16 in registers, too, can wait there for the products before. */
const fetchAhead = wgsl`
  if (first_vector + KEY_SLICE < TILE_VECTORS) {
    values = ${fetchValues('(first_vector + KEY_SLICE)')};
  }`;

const breakBeyond = wgsl`
  // Weights of columns beyond the last one are zero.
  if (first_column + VECTOR * first_vector >= columns) {
    break;
  }`;

const passKeys = wgsl`
  // Keys are multiplied: until values come, their memory passes numbers between lanes.
  workgroupBarrier();`;

const startPrecise = wgsl`
  if (lane == 0u) {
    atomicStore(&imprecise[0], 0u);
  }`;

const noteImprecise = wgsl`
  if (!all(vec2f(largest) <= vec2f(MOST_SUM))) {
    atomicStore(&imprecise[0], 1u);
  }`;

/** The load is a barrier, too. */
const breakImprecise = wgsl`
  if (workgroupUniformLoad(&imprecise[0]) == 1u) {
    break;
  }`;

const markImprecise = wgsl`
  let is_imprecise = workgroupUniformLoad(&imprecise[0]);
  if (lane == 0u) {
    marks[mark_at(batch, first_row, kv_head)] = is_imprecise;
  }
  if (is_imprecise == 1u) {
    return;
  }`;

const plus = (count: number, unit: string) =>
  count === 0 ? '' : count === 1 ? ` + ${unit}` : ` + ${count}u * ${unit}`;

/** Invocations beyond the width do what the last one does, which is not written. */
const valueVector = (m: number, whole: boolean) =>
  whole ? `key_lane${plus(m, 'KEY_LANES')}` : `min(key_lane${plus(m, 'KEY_LANES')}, VALUE_VECTORS - 1u)`;

/** All quads that the invocations of a row have are of the output. */
const fillsWidth = ({ valueDim, keyLanes, vectorEntries }: AttentionTilePlan) =>
  quads(valueDim) % ((keyLanes * vectorEntries) / 4) === 0;

const writeWithin = wgsl`
  /** Lanes reach beyond the width. */
  fn write(row: u32, quad: u32, value: vec4f) {
    if (quad < VALUE_QUADS) {
      store_out(row, quad, value);
    }
  }`;

function finish(plan: AttentionTilePlan, r: number, members: string, zeroHidden: boolean): string {
  const half = plan.products === 'f16';
  const write = fillsWidth(plan) ? 'store_out' : 'write';
  const vector = (m: number) => `key_lane${plus(m, 'KEY_LANES')}`;
  const quad = (q: number) => (half ? `2u * (${vector(q >> 1)})${q % 2 === 0 ? '' : ' + 1u'}` : vector(q));
  const keeps = zeroHidden ? ` && keeps(batch, sequence, row_${r}.token)` : '';
  return wgsl`
    if (first_row + tile_row_${r} < step.tokens * ${members}) {
      let sum = sum_of_lanes(tile_row_${r});
      let factor = select(0.0, 1.0 / sum, sum > 0.0${keeps});
      ${repeat((plan.valueVectorsEach * plan.vectorEntries) / 4, (q) => `${write}(row_${r}.index, ${quad(q)}, output_${r}_${q} * factor);`)}
    }`;
}
