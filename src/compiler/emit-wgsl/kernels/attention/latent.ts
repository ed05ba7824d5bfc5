import type { AttentionLatentPlan } from '../../../plan/attention/kernel-plan.ts';
import { f32c, floats, type KernelSource, u32c, words } from '../../kernel.ts';
import { rowLoader, rowStorer, rowsBinding, rowsOutBinding } from '../../storage.ts';
import { edge, matrixEnables, matrixTypes } from '../../subgroup-matrix.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { attentionParts } from './attention.ts';
import { columnEntries, columnsBindings, columnsFunctions } from './columns.ts';
import { attentionText, withAxes } from './doc.ts';
import { outputFunctions, writeOutputs } from './latent-outputs.ts';
import { type LatentShape, latentShape, rowLanes } from './latent-shape.ts';
import { findOverflow, weightFunctions } from './latent-weights.ts';
import { halfOf, restBits, restOf } from './matrix-queries.ts';
import { partialBindings } from './partials.ts';

/**
 * Attention on latent rows by subgroup matrices: all heads read the same rows, so heads are the rows of the products. A row of 576
 * entries is too wide for the registers of one subgroup: each multiplies a slice of it, and the slices' scores are summed.
 */
export function attentionLatent(plan: AttentionLatentPlan): KernelSource {
  const parts = attentionParts(plan);
  const { rowBlocks, leaves } = plan;
  const shape = latentShape(plan);
  const isSplit = plan.rounding === 'split';
  return {
    doc: doc(plan),
    enables: matrixEnables,
    constants: {
      ...parts.constants,
      THREADS: u32c(plan.threads),
      ROWS: u32c(rowBlocks * edge),
      OWN_ROWS: u32c(shape.ownRowBlocks * edge),
      HEAD_SLICES: u32c(plan.headSlices),
      HEAD_SLICE_QUADS: u32c(shape.headBlocks * 4),
      VALUE_SLICE_QUADS: u32c(shape.valueBlocks * 4),
      QUERY_ROWS: u32c(shape.ownRowBlocks * 2),
      QUERY_QUADS: u32c(shape.ownRowBlocks * 2 * shape.headBlocks),
      ...(isSplit && restBits),
      // In log2: how much larger later logits may be before weights leave the range of f16.
      HEADROOM: f32c(4),
      TILE_KEYS: u32c(plan.tileKeys),
      TILE_QUADS: u32c(plan.tileKeys / 4),
      KEY_READS: u32c(plan.headDim / 8),
      READS_EACH: u32c(Math.ceil((plan.tileKeys * plan.headDim) / 8 / plan.threads)),
      ROW_LANES: u32c(rowLanes(plan)),
      QUADS_EACH: u32c(plan.tileKeys / 4 / rowLanes(plan)),
      KEY_PITCH: u32c(plan.keyPitch),
      SCORE_PITCH: u32c(plan.scorePitch),
      WEIGHT_PITCH: u32c(plan.weightPitch),
      SCRATCH_PITCH: u32c(edge / 4),
    },
    bindings: withAxes(plan, [
      rowsBinding('q', plan.headDim, plan.queries),
      ...columnsBindings(plan),
      ...parts.logits.bindings,
      ...(leaves === 'rows' && plan.sinks ? [floats('sinks')] : []),
      ...(leaves === 'rows' ? [rowsOutBinding('out', plan.valueDim, plan.out)] : partialBindings('read_write')),
      ...(plan.marks ? [words('marks', plan.marks === 'read' ? 'read' : 'read_write')] : []),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      matrixTypes,
      ...(parts.plain ? parts.masks.limits : parts.logits.functions),
      rowLoader('q', plan.headDim, plan.queries),
      queryEntries('query_entries', isSplit ? halfOf('value') : 'vec4h(value)'),
      ...(isSplit ? [queryEntries('query_rests', restOf('value'))] : []),
      ...columnsFunctions(plan),
      columnEntries('keys', plan, plan.headDim / 8),
      tileFunctions(plan),
      ...weightFunctions(plan, parts),
      ...(leaves === 'rows' ? [rowStorer('out', plan.valueDim, plan.out)] : []),
      ...outputFunctions(plan),
    ],
    body: wgsl`
      let first_head = group.x * ROWS;
      let batch = group.z;
      let sequence = sequences[batch];
      ${plan.marks === undefined ? '' : 'let workgroup = (group.z * groups.y + group.y) * groups.x + group.x;'}
      ${plan.marks === 'read' ? returnUnlessMarked : ''}
      ${leaves === 'rows' ? columnsOfToken : columnsOfPart}
      let subgroup = lane / 32u;
      let slice = subgroup % HEAD_SLICES;
      let own_row = subgroup / HEAD_SLICES * OWN_ROWS;
      let slice_at = slice * HEAD_SLICE_QUADS;
      let values_at = subgroup * VALUE_SLICE_QUADS;
      let scores_at = (slice * ROWS + own_row) * SCORE_PITCH;

      // Queries become matrices by way of the keys' memory, which is not yet used: 16 entries of all rows at a time.
      let entries = query_entries(lane, batch, token, first_head + own_row, slice_at);
      ${loadQueries(shape, 'query', 'entries')}
      ${isSplit ? loadRests(shape) : ''}

      let place = place_of(lane, first_head, token, batch);
      var state = State(MASKED, MASKED, 0.0);
      ${plan.marks === 'written' ? walkOnce(shape) : walkAgain(shape)}
      ${writeOutputs(shape)}`,
  };
}

const doc = ({ leaves, marks, tileKeys, ...options }: AttentionLatentPlan) =>
  [
    `Attention on latent rows by subgroup matrices: ${attentionText(options)}`,
    'The first entries of a row are the values of all heads. A workgroup holds ROWS heads of',
    `one token and walks over tiles of ${tileKeys} rows: each subgroup multiplies a slice of queries and keys, and one of weights and values.`,
    ...(leaves === 'parts'
      ? ['It takes a share of the rows and leaves a partial result of it: attention_combine joins the shares.']
      : []),
    marks === 'written'
      ? 'Exponentials are relative to the first visible tile: where one leaves the range of f16 the workgroup is marked, for the pass that follows.'
      : 'Exponentials are relative to the first visible tile: where one leaves the range of f16 the walk is repeated with known maxima.',
    ...(marks === 'read' ? ['Works on the workgroups that the pass before has marked.'] : []),
  ].join('\n');

/** The last tokens see most columns when causal: they start first. */
const columnsOfToken = wgsl`
  let token = step.tokens - 1u - group.y;
  let first = 0u;
  let columns = visible_columns(sequence, token);`;

/** Whole tiles, as many for each part. */
const columnsOfPart = wgsl`
  let token = 0u;
  let part = group.y;
  let parts = groups.y;
  let all_columns = visible_columns(sequence, token);
  let share = (all_columns + parts * TILE_KEYS - 1u) / (parts * TILE_KEYS) * TILE_KEYS;
  let first = min(part * share, all_columns);
  let columns = min(first + share, all_columns);`;

const queryEntries = (name: string, entry: string) => wgsl`
  /** A subgroup's share of the queries, all of it read at once: four lanes side by side read 16 entries of a row, eight rows at a time. */
  fn ${name}(lane: u32, batch: u32, token: u32, first_head: u32, first_quad: u32) -> array<vec4h, QUERY_QUADS> {
    var entries: array<vec4h, QUERY_QUADS>;
    for (var n = 0u; n < QUERY_QUADS; n++) {
      let head = min(first_head + n % QUERY_ROWS * 8u + lane % 32u / 4u, Q_HEADS - 1u);
      let quad = first_quad + n / QUERY_ROWS * 4u + lane % 4u;
      let value = load_q((batch * step.tokens + token) * Q_HEADS + head, quad);
      entries[n] = ${entry};
    }
    return entries;
  }`;

const loadRests = (shape: LatentShape) => wgsl`
  let rests = query_rests(lane, batch, token, first_head + own_row, slice_at);
  ${loadQueries(shape, 'rest', 'rests')}`;

const loadQueries = ({ headBlocks, ownRowBlocks }: LatentShape, matrix: string, source: string): string =>
  repeat(headBlocks, (d) => {
    const entries = ownRowBlocks * 2;
    return wgsl`
      workgroupBarrier();
      ${repeat(entries, (n) => `keys[subgroup * OWN_ROWS * 4u + ${n * 32}u + lane % 32u] = ${source}[${d * entries + n}];`)}
      workgroupBarrier();
      ${repeat(ownRowBlocks, (b) => `let ${matrix}${b}_${d} = subgroupMatrixLoad<Left, row_major>(&keys, subgroup * OWN_ROWS * 4u + ${b * edge * 4}u, 4u);`)}`;
  });

/** Columns beyond the last one repeat it, so that nothing unwritten is multiplied: they are masked. */
function tileFunctions({ tileKeys, headDim, threads }: AttentionLatentPlan): string {
  const isWhole = ((tileKeys * headDim) / 8) % threads === 0;
  const store = wgsl`
    let at = index / KEY_READS * KEY_PITCH + index % KEY_READS * 2u;
    keys[at] = bitcast<vec4h>(held[n].xy);
    keys[at + 1u] = bitcast<vec4h>(held[n].zw);`;
  const storeInside = wgsl`
    if (index < TILE_KEYS * KEY_READS) {
      ${store}
    }`;
  return wgsl`
    alias Held = array<vec4u, READS_EACH>;

    fn fetch_keys(lane: u32, batch: u32, first_column: u32, columns: u32) -> Held {
      var held: Held;
      for (var n = 0u; n < READS_EACH; n++) {
        let index = lane + n * THREADS;
        let column = min(first_column + index / KEY_READS, max(columns, 1u) - 1u);
        held[n] = keys_entries(batch, 0u, column, index % KEY_READS);
      }
      return held;
    }

    fn store_keys(lane: u32, held: Held) {
      for (var n = 0u; n < READS_EACH; n++) {
        let index = lane % THREADS + n * THREADS;
        ${isWhole ? store : storeInside}
      }
    }`;
}

const eachOutput = ({ valueBlocks, rowBlocks }: LatentShape, text: (output: string) => string) =>
  repeat(valueBlocks, (d) => repeat(rowBlocks, (b) => text(`out${b}_${d}`)));

/** A loop around the walk costs registers: a quarter of the time in a prompt. */
const walkOnce = (shape: LatentShape) => wgsl`
  ${eachOutput(shape, (output) => `var ${output} = Sums();`)}
  ${walk(shape)}
  ${findOverflow}
  if (lane == 0u) {
    marks[workgroup] = overflows;
  }`;

/** With the maximum as its reference a row has no weight above 1: there is no third walk. */
const walkAgain = (shape: LatentShape) => wgsl`
  ${eachOutput(shape, (output) => `var ${output}: Sums;`)}
  loop {
    ${eachOutput(shape, (output) => `${output} = Sums();`)}
    ${walk(shape)}
    ${findOverflow}
    if (overflows == 0u) {
      break;
    }
    state = State(state.maximum, state.maximum, 0.0);
  }`;

const returnUnlessMarked = wgsl`
  if (marks[workgroup] == 0u) {
    return;
  }`;

/** Four barriers a tile: keys stay until they were multiplied as values. */
const walk = (shape: LatentShape) => wgsl`
  // What is multiplied next is fetched into registers while lanes wait for products.
  var first_column = first;
  workgroupBarrier();
  store_keys(lane, fetch_keys(lane, batch, first_column, columns));
  var held = fetch_keys(lane, batch, first_column + TILE_KEYS, columns);
  workgroupBarrier();
  while (first_column < columns) {
    ${multiplyKeys(shape)}
    workgroupBarrier();
    weigh(place, first_column, columns, &state);
    workgroupBarrier();
    ${multiplyValues(shape)}
    workgroupBarrier();
    store_keys(lane, held);
    first_column += TILE_KEYS;
    held = fetch_keys(lane, batch, first_column + TILE_KEYS, columns);
    workgroupBarrier();
  }`;

const eachKeyBlock = ({ tileKeys }: AttentionLatentPlan, text: (n: number) => string) =>
  repeat(
    tileKeys / edge,
    (n) => wgsl`
    {
      ${text(n)}
    }`,
  );

/** What the slice adds to the scores of the subgroup's rows. */
const multiplyKeys = (shape: LatentShape): string => {
  const each = (text: (b: number) => string) => repeat(shape.ownRowBlocks, text);
  const multiply = (b: number, query: string, d: number) =>
    `scores${b} = subgroupMatrixMultiplyAccumulate(${query}, keys${d}, scores${b});`;
  return eachKeyBlock(
    shape,
    (n) => wgsl`
      ${each((b) => `var scores${b} = Sums();`)}
      ${repeat(
        shape.headBlocks,
        (d) => wgsl`
          let keys${d} = subgroupMatrixLoad<Right, col_major>(&keys, ${n * edge}u * KEY_PITCH + slice_at + ${4 * d}u, KEY_PITCH);
          ${each((b) => multiply(b, `query${b}_${d}`, d))}
          ${shape.rounding === 'split' ? each((b) => multiply(b, `rest${b}_${d}`, d)) : ''}`,
      )}
      ${each((b) => `subgroupMatrixStore<row_major>(&scores, scores_at + ${b * edge}u * SCORE_PITCH + ${4 * n}u, scores${b}, SCORE_PITCH);`)}`,
  );
};

/** The first entries of the keys are the values. */
const multiplyValues = (shape: LatentShape): string => {
  const each = (text: (b: number) => string) => repeat(shape.rowBlocks, text);
  return eachKeyBlock(
    shape,
    (n) => wgsl`
      ${each((b) => `let weights${b} = subgroupMatrixLoad<Left, row_major>(&weights, ${b * edge}u * WEIGHT_PITCH + ${4 * n}u, WEIGHT_PITCH);`)}
      ${repeat(
        shape.valueBlocks,
        (d) => wgsl`
          let values${d} = subgroupMatrixLoad<Right, row_major>(&keys, ${n * edge}u * KEY_PITCH + values_at + ${4 * d}u, KEY_PITCH);
          ${each((b) => `out${b}_${d} = subgroupMatrixMultiplyAccumulate(weights${b}, values${d}, out${b}_${d});`)}`,
      )}`,
  );
};
