import type { AttentionMatrixPlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, u32c } from '../kernel.ts';
import { quads, rowLoader, rowStorer, rowsBinding, rowsOutBinding } from '../storage.ts';
import { repeat, wgsl } from '../wgsl.ts';
import { attentionParts, keepsVisibleTokens, rowOf } from './attention.ts';
import { columnsBindings, columnsFunctions, halvesType, partsOf } from './attention-columns.ts';
import { nextTile } from './attention-masks.ts';
import { tileFetcher } from './attention-matrix-tile.ts';

/** Edge of a block that a subgroup matrix holds. */
const edge = 16;

/**
 * Online softmax with subgroup matrices. A matrix gives no access to its entries, and a result cannot become an operand, so
 * scores and probabilities pass through workgroup memory; queries and outputs never leave the registers.
 */
export function attentionMatrix(plan: AttentionMatrixPlan): KernelSource {
  const parts = attentionParts(plan);
  const skipping = nextTile(plan, 'TILE_KEYS');
  const zeroHidden = plan.mask.padding === 'keys_and_queries';
  const fixed = plan.reference === 'fixed';
  const subgroupRows = plan.rowBlocks * edge;
  const scores = plan.scores === 'f32' ? 'scores' : 'pattern';
  const outputs = outputScratch(plan);
  const rowBlockIndices = [...Array(plan.rowBlocks).keys()];
  const rowBlocks = (text: (b: number) => string) => rowBlockIndices.map(text).join('\n');
  const headBlocks = (text: (d: number) => string) => repeat(Math.ceil(plan.headDim / edge), text);
  const valueBlocks = (text: (d: number) => string) => repeat(Math.ceil(plan.valueDim / edge), text);
  const loadQueries = (d: number) => wgsl`
    workgroupBarrier();
    ${rowBlocks((b) => `stage(row + ${b * edge}u, half, entries${b}[${2 * d}], entries${b}[${2 * d + 1}]);`)}
    workgroupBarrier();
    ${rowBlocks((b) => `let query${b}_${d} = subgroupMatrixLoad<Left, row_major>(&pattern, scores_at + ${block(b)}, SCORE_PITCH);`)}`;
  const multiplyKeys = (n: number) => wgsl`
    {
      ${rowBlocks((b) => `var scores${b} = Scores();`)}
      ${headBlocks((d) => multiplyKeyBlock(n, d))}
      ${rowBlocks((b) => `subgroupMatrixStore<row_major>(&${scores}, scores_at + ${block(b)} + ${n / 4}u, scores${b}, SCORE_PITCH);`)}
    }`;
  const multiplyKeyBlock = (n: number, d: number) => wgsl`
    let keys${d} = subgroupMatrixLoad<Right, col_major>(&tile, ${n}u * TILE_PITCH + ${4 * d}u, TILE_PITCH);
    ${rowBlocks((b) => `scores${b} = subgroupMatrixMultiplyAccumulate(query${b}_${d}, keys${d}, scores${b});`)}`;
  const multiplyValues = (n: number) => wgsl`
    {
      ${rowBlocks((b) => `let weights${b} = subgroupMatrixLoad<Left, row_major>(&pattern, scores_at + ${block(b)} + ${n / 4}u, SCORE_PITCH);`)}
      ${valueBlocks((d) => multiplyValueBlock(n, d))}
    }`;
  const multiplyValueBlock = (n: number, d: number) => wgsl`
    let values${d} = subgroupMatrixLoad<Right, row_major>(&tile, ${n}u * TILE_PITCH + ${4 * d}u, TILE_PITCH);
    ${rowBlocks((b) => `out${b}_${d} = subgroupMatrixMultiplyAccumulate(weights${b}, values${d}, out${b}_${d});`)}`;
  const rescale = (b: number) => wgsl`
    let rescale${b} = raise(place${b}, sequence, half, &state${b});
    if (subgroupAny(rescale${b} != 1.0)) {
      ${valueBlocks((d) => rescaleOutput(b, d))}
    }`;
  const weigh = (b: number) => wgsl`
    let place${b} = Place(row + ${b * edge}u, first_row + row + ${b * edge}u, batch, kv_head, first_column, all_visible);
    ${fixed ? '' : rescale(b)}
    weigh(place${b}, sequence, half, &state${b});`;
  const writeOutputs = (d: number) =>
    rowBlocks(
      (b) => wgsl`
        workgroupBarrier();
        subgroupMatrixStore<row_major>(&${outputs.name}, outputs_at, out${b}_${d}, ${outputs.pitch});
        workgroupBarrier();
        write(first_row + row + ${b * edge}u, lane, row${b}.index, ${4 * d}u, factor${b});`,
    );
  const skip = (column: string) =>
    skipping === undefined ? column : `next_tile(sequence, token_of(first_row), ${column})`;
  return {
    doc: doc(plan),
    enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...parts.constants,
      SUBGROUP_ROWS: u32c(subgroupRows),
      ROWS: u32c(plan.subgroups * subgroupRows),
      THREADS: u32c(plan.threads),
      TILE_KEYS: u32c(plan.tileKeys),
      TILE_PITCH: u32c(plan.tilePitch),
      SCORE_PITCH: u32c(plan.scorePitch),
      QUERY_QUADS: u32c(2 * Math.ceil(plan.headDim / edge)),
      ...(hasScratch(plan) && { SCRATCH_PITCH: u32c(edge / 4 + 1) }),
      QUADS_EACH: u32c(plan.tileKeys / 8),
      HELD: u32c(Math.ceil((plan.tileKeys * partsOf(plan, Math.max(plan.headDim, plan.valueDim))) / plan.threads)),
    },
    bindings: [
      rowsBinding('q', plan.headDim),
      ...columnsBindings(plan),
      ...parts.logits.bindings,
      ...(plan.sinks ? [{ name: 'sinks', access: 'read', type: 'array<f32>' } as const] : []),
      rowsOutBinding('out', plan.valueDim),
      { name: 'marks', access: fixed ? 'read_write' : 'read', type: 'array<u32>' },
      ...parts.perCall,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      matrixTypes(plan),
      rowLoader('q', plan.headDim),
      ...columnsFunctions(plan),
      ...parts.logits.functions,
      ...parts.groups.functions,
      ...(zeroHidden ? [keepsVisibleTokens] : []),
      ...(skipping === undefined ? [] : [skipping]),
      rowStorer('out', plan.valueDim),
      `alias Held = array<${halvesType(plan)}, HELD>;`,
      tileFetcher('keys', plan),
      tileFetcher('values', plan),
      rowOf('QUERIES_PER_KV'),
      tokenOf,
      queryEntries(plan),
      state,
      logitsAt(parts.plain, scores),
      maximumOf,
      ...(fixed ? [] : [raiseReference, rescaleScratch]),
      weighBlock(fixed, parts.plain),
      sumOf(plan.sinks),
      ...(fixed ? [fits(plan)] : []),
      writeBlock(plan),
    ],
    body: wgsl`
      let kv_head = group.x;
      let batch = group.z;
      let workgroup = (batch * groups.y + group.y) * groups.x + kv_head;
      ${fixed ? '' : 'if (marks[workgroup] == 0u) {\n  return;\n}'}
      // The last rows see most columns when causal: they start first.
      let first_row = (groups.y - 1u - group.y) * ROWS;
      let sequence = sequences[batch];
      let columns = visible_columns(sequence, token_of(first_row + ROWS - 1u));
      let subgroup_row = lane / 32u * SUBGROUP_ROWS;
      // Two lanes share a row of a block: each takes every other quad of it.
      let row = subgroup_row + lane % 32u / 2u;
      let half = lane % 2u;
      let scores_at = subgroup_row * SCORE_PITCH;
      let all_visible = visible_columns(sequence, token_of(first_row + subgroup_row));
      ${rowBlocks((b) => `var state${b} = State(MASKED, 0.0);`)}

      ${rowBlocks((b) => `let entries${b} = query_entries(row_of(first_row + row + ${b * edge}u, batch, kv_head).index, half);`)}
      ${headBlocks(loadQueries)}
      ${valueBlocks((d) => rowBlocks((b) => `var out${b}_${d} = Output();`))}

      // What the next step multiplies is fetched into registers while this one multiplies.
      var first_column = ${skip('0u')};
      var held = fetch_keys(lane, batch, kv_head, first_column, columns);
      while (first_column < columns) {
        workgroupBarrier();
        store_keys(lane, held);
        workgroupBarrier();
        held = fetch_values(lane, batch, kv_head, first_column, columns);
        ${steps(plan.tileKeys, multiplyKeys)}
        workgroupBarrier();

        store_values(lane, held);
        let next_column = ${skip('first_column + TILE_KEYS')};
        held = fetch_keys(lane, batch, kv_head, next_column, columns);
        ${rowBlocks(weigh)}
        workgroupBarrier();

        ${steps(plan.tileKeys, multiplyValues)}
        first_column = next_column;
      }

      let outputs_at = lane / 32u * 16u * ${outputs.pitch};
      ${rowBlocks((b) => `let row${b} = row_of(first_row + row + ${b * edge}u, batch, kv_head);`)}
      ${rowBlocks((b) => `let sum${b} = sum_of(state${b}, row${b}.head, half);`)}
      ${fixed ? markOverflow(rowBlockIndices) : ''}
      ${rowBlocks((b) => `let factor${b} = select(0.0, 1.0 / sum${b}, sum${b} > 0.0${zeroHidden ? ` && keeps(batch, sequence, row${b}.token)` : ''});`)}
      ${valueBlocks(writeOutputs)}`,
  };
}

function doc({ reference, subgroups, rowBlocks, tileKeys }: AttentionMatrixPlan): string {
  const rows = subgroups * rowBlocks * edge;
  return [
    'Attention for many tokens, by subgroup matrices. Rows are (token, query head of one KV head), so a group shares its keys and',
    `values. A workgroup holds ${rows} rows, ${rowBlocks * edge} in each subgroup of 32 lanes, and walks over tiles of ${tileKeys} key columns.`,
    reference === 'fixed'
      ? 'Exponentials are relative to the first visible tile: a row that outgrows f16 marks its workgroup, for the pass that follows.'
      : 'Works on the workgroups that the pass before has marked: here the reference of the exponentials follows the maximum.',
  ].join('\n');
}

const matrixTypes = ({ scores }: AttentionMatrixPlan) => wgsl`
  alias Left = subgroup_matrix_left<f16, 16, 16>;
  alias Right = subgroup_matrix_right<f16, 16, 16>;
  alias Scores = subgroup_matrix_result<${scores}, 16, 16>;
  alias Output = subgroup_matrix_result<f32, 16, 16>;`;

const tokenOf = wgsl`
  fn token_of(row: u32) -> u32 {
    return min(row, step.tokens * QUERIES_PER_KV - 1u) / QUERIES_PER_KV;
  }`;

/** A lane's half of a query, all of it read at once. Blocks are whole: entries beyond the width are zero. */
function queryEntries({ headDim }: AttentionMatrixPlan): string {
  const beyond = wgsl`
    if (quad >= HEAD_QUADS) {
      entries[n] = vec4h(0);
    }`;
  return wgsl`
    fn query_entries(index: u32, half: u32) -> array<vec4h, QUERY_QUADS> {
      var entries: array<vec4h, QUERY_QUADS>;
      for (var n = 0u; n < QUERY_QUADS; n++) {
        let quad = n / 2u * 4u + 2u * half + n % 2u;
        entries[n] = vec4h(load_q(index, quad));
        ${headDim % edge === 0 ? '' : beyond}
      }
      return entries;
    }

    fn stage(row: u32, half: u32, first: vec4h, second: vec4h) {
      pattern[row * SCORE_PITCH + 2u * half] = first;
      pattern[row * SCORE_PITCH + 2u * half + 1u] = second;
    }`;
}

/** `fn logits_at(place, quad) -> vec4f`: four neighbouring logits of a row of the tile, in units of log2. */
const logitsAt = (plain: boolean, scores: string) => wgsl`
  /** Where a lane works: a row, counted in the workgroup and in all, and a tile of columns. */
  struct Place {
    row: u32,
    number: u32,
    batch: u32,
    kv_head: u32,
    first_column: u32,
    /** Columns before this one are visible to all rows of the subgroup. */
    all_visible: u32,
  }

  ${plain ? plainLogits(scores) : fullLogits(scores)}`;

/** Most tiles are visible as a whole: they are worth a branch. */
const plainLogits = (scores: string) => wgsl`
  fn sees_tile(place: Place) -> bool {
    return place.first_column + TILE_KEYS <= place.all_visible;
  }

  fn visible_logits_at(place: Place, quad: u32) -> vec4f {
    return vec4f(${scores}[place.row * SCORE_PITCH + quad]) * SCALE_LOG2E;
  }

  fn logits_at(place: Place, sequence: Sequence, quad: u32) -> vec4f {
    let key_columns = vec4u(place.first_column + 4u * quad) + vec4u(0, 1, 2, 3);
    let limit = visible_columns(sequence, token_of(place.number));
    return select(visible_logits_at(place, quad), vec4f(MASKED), key_columns >= vec4u(limit));
  }`;

const fullLogits = (scores: string) => wgsl`
  fn logits_at(place: Place, sequence: Sequence, quad: u32) -> vec4f {
    let sums = vec4f(${scores}[place.row * SCORE_PITCH + quad]);
    let row = row_of(place.number, place.batch, place.kv_head);
    var logits = vec4f(0);
    for (var c = 0u; c < 4u; c++) {
      let column = place.first_column + 4u * quad + c;
      logits[c] = logit(sums[c] * SCALE, sequence, place.batch, row.head, row.token, column);
    }
    return logits;
  }`;

/** The maximum of a row's tile, known to both of its lanes. */
const maximumOf = wgsl`
  fn maximum_of(place: Place, sequence: Sequence, half: u32) -> f32 {
    var maxima = vec4f(MASKED);
    for (var i = 0u; i < QUADS_EACH; i++) {
      maxima = max(maxima, logits_at(place, sequence, 2u * i + half));
    }
    let pairs = max(maxima.xy, maxima.zw);
    let maximum = max(pairs.x, pairs.y);
    return max(maximum, subgroupShuffleXor(maximum, 1u));
  }`;

/** What a lane knows of its row: what exponentials are relative to, and their sum over the columns that it took. */
const state = wgsl`
  struct State {
    reference: f32,
    sum: f32,
  }`;

/** Four above the maximum, so that later tiles may be 2²⁰ times as large before a weight leaves the range of f16. */
const fixReference = wgsl`
  if (subgroupAny((*state).reference <= MASKED)) {
    let maximum = maximum_of(place, sequence, half);
    if ((*state).reference <= MASKED && maximum > MASKED) {
      (*state).reference = maximum + 4.0;
    }
  }`;

/** Scores of a block to weights, whose sum the state takes. */
const weighBlock = (fixed: boolean, plain: boolean) => wgsl`
  fn weigh(place: Place, sequence: Sequence, half: u32, state: ptr<function, State>) {
    ${fixed ? fixReference : ''}
    let reference = max((*state).reference, -1e30);
    var sum = vec4f(0);
    ${plain ? weighPlain : weighQuads('logits_at(place, sequence, 2u * i + half)')}
    (*state).sum += dot(sum, vec4f(1));
  }`;

const weighQuads = (logits: string) => wgsl`
  for (var i = 0u; i < QUADS_EACH; i++) {
    let weights = exp2(${logits} - reference);
    sum += weights;
    pattern[place.row * SCORE_PITCH + 2u * i + half] = vec4h(weights);
  }`;

const weighPlain = wgsl`
  if (sees_tile(place)) {
    ${weighQuads('visible_logits_at(place, 2u * i + half)')}
  } else {
    ${weighQuads('logits_at(place, sequence, 2u * i + half)')}
  }`;

/** Raised only when a maximum has grown by more than 2⁸: what lies between fits the range of f16. */
const raiseReference = wgsl`
  fn raise(place: Place, sequence: Sequence, half: u32, state: ptr<function, State>) -> f32 {
    let maximum = maximum_of(place, sequence, half);
    let old = (*state).reference;
    if (maximum <= old + 8.0) {
      return 1.0;
    }
    (*state).reference = maximum;
    let rescale = select(exp2(old - maximum), 0.0, old <= MASKED);
    (*state).sum *= rescale;
    return rescale;
  }`;

/** Through the subgroup's own scratch, which nothing else uses; its lanes run in step. */
const rescaleOutput = (b: number, d: number) => wgsl`
  subgroupMatrixStore<row_major>(&scratch, lane / 32u * 16u * SCRATCH_PITCH, out${b}_${d}, SCRATCH_PITCH);
  rescale_scratch(lane, rescale${b});
  out${b}_${d} = subgroupMatrixLoad<Output, row_major>(&scratch, lane / 32u * 16u * SCRATCH_PITCH, SCRATCH_PITCH);`;

const rescaleScratch = wgsl`
  fn rescale_scratch(lane: u32, factor: f32) {
    let at = lane / 2u * SCRATCH_PITCH + lane % 2u * 2u;
    scratch[at] *= factor;
    scratch[at + 1u] *= factor;
  }`;

/** A sink is a logit of the row's head that has no value. */
const sumOf = (sinks: boolean) => wgsl`
  fn sum_of(state: State, head: u32, half: u32) -> f32 {
    let sum = state.sum + subgroupShuffleXor(state.sum, 1u);
    return sum${sinks ? ' + exp2(sinks[head] * LOG2E - max(state.reference, -1e30))' : ''};
  }`;

/** In f16 a logit of 16 (in log2) is known to 2⁻⁷: larger ones are left to the exact kernel. */
const fits = ({ scores }: AttentionMatrixPlan) => wgsl`
  fn fits(state: State, sum: f32) -> bool {
    return sum <= 65504.0${scores === 'f16' ? ' && state.reference <= 20.0' : ''};
  }`;

const markOverflow = (rowBlocks: readonly number[]) => wgsl`
  if (lane == 0u) {
    atomicStore(&overflow[0], 0u);
  }
  workgroupBarrier();
  if (!(${rowBlocks.map((b) => `fits(state${b}, sum${b})`).join(' && ')})) {
    atomicStore(&overflow[0], 1u);
  }
  workgroupBarrier();
  if (lane == 0u) {
    marks[workgroup] = atomicLoad(&overflow[0]);
  }`;

/** Where output blocks pass through when all scores are used up. */
const outputScratch = (plan: AttentionMatrixPlan) =>
  hasScratch(plan) ? { name: 'scratch', pitch: 'SCRATCH_PITCH' } : { name: 'scores', pitch: 'SCORE_PITCH' };

const hasScratch = ({ workgroup }: AttentionMatrixPlan) => workgroup.some(({ name }) => name === 'scratch');

/** Two quads of a row of an output block. */
function writeBlock(plan: AttentionMatrixPlan): string {
  const { name, pitch } = outputScratch(plan);
  const store = `store_out(index, first_quad + i, ${name}[lane / 2u * ${pitch} + i] * factor);`;
  return wgsl`
    fn write(row: u32, lane: u32, index: u32, first_quad: u32, factor: f32) {
      if (row >= step.tokens * QUERIES_PER_KV) {
        return;
      }
      for (var i = lane % 2u * 2u; i < lane % 2u * 2u + 2u; i++) {
        ${quads(plan.valueDim) % 4 === 0 ? store : `if (first_quad + i < VALUE_QUADS) {\n  ${store}\n}`}
      }
    }`;
}

/** Quads of the scores' memory before a block of rows. */
const block = (b: number) => `${b * edge}u * SCORE_PITCH`;

/** Blocks are written out: matrices in arrays would not stay in registers. */
const steps = (keys: number, text: (first: number) => string) => repeat(keys / edge, (index) => text(index * edge));
