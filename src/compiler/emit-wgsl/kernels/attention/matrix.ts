import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { floats, type KernelSource, u32c, words } from '../../kernel.ts';
import { rowLoader, rowStorer, rowsBinding, rowsOutBinding } from '../../storage.ts';
import { edge, matrixEnables, matrixTypes } from '../../subgroup-matrix.ts';
import { wgsl } from '../../wgsl.ts';
import { attentionParts, keepsVisibleTokens, rowOf } from './attention.ts';
import { columnsBindings, columnsFunctions } from './columns.ts';
import { attentionText, withAxes } from './doc.ts';
import { markAt, returnUnlessMarked } from './marks.ts';
import { nextTile } from './masks.ts';
import { rowBlocks, valueBlocks } from './matrix-blocks.ts';
import { leaveMark, leavePart, outputConstants, outputFunctions, writeOutputs } from './matrix-outputs.ts';
import { prefixConstants, prefixFunctions, prefixMaxima, sequenceStart, walkPrefix } from './matrix-prefix.ts';
import { multiplyKeys, multiplyValues } from './matrix-products.ts';
import { loadQueries, queryConstants, queryEntries } from './matrix-queries.ts';
import {
  fixReference,
  type ReferenceTile,
  raisesReference,
  referenceFunctions,
  referenceTile,
} from './matrix-reference.ts';
import { keyScales, scalesScores, splitsPrefix, tileConstants, tileFetcher } from './matrix-tile.ts';
import { weightConstants, weightFunctions } from './matrix-weights.ts';
import { nextOpen, nextOpenFunction, openColumns } from './open-columns.ts';
import { partialBindings } from './partials.ts';

/**
 * Online softmax with subgroup matrices. A matrix gives no access to its entries, and a result cannot become an operand, so
 * scores and weights pass through workgroup memory; queries and outputs never leave the registers.
 */
export function attentionMatrix(plan: AttentionMatrixPlan): KernelSource {
  const parts = attentionParts(plan);
  const skipping = nextTile(plan, 'TILE_KEYS');
  const zeroHidden = plan.mask.padding === 'keys_and_queries';
  const fixed = plan.reference === 'fixed';
  const tile = fixed ? referenceTile(plan, parts) : undefined;
  const raises = fixed && raisesReference(plan, parts);
  const splits = splitsPrefix(plan);
  const scaled = (text: string) => (scalesScores(plan) ? text : '');
  const open = openColumns(plan);
  const nextTileFrom = (column: string) =>
    skipping === undefined ? column : `next_tile(sequence, token_of(first_row), ${column})`;
  const next = (column: string) => (open === undefined ? nextTileFrom(column) : nextOpen(nextTileFrom(column)));
  const following = skipsOnce(plan) ? (column: string) => column : next;
  return {
    doc: doc(plan),
    enables: matrixEnables,
    constants: {
      ...parts.constants,
      THREADS: u32c(plan.threads),
      ROWS: u32c(plan.subgroups * plan.rowBlocks * edge, 'of a workgroup'),
      MARK_ROWS: u32c(plan.markRows, 'that share a mark'),
      SUBGROUP_ROWS: u32c(plan.rowBlocks * edge),
      ...queryConstants(plan),
      ...tileConstants(plan),
      ...weightConstants(plan, parts),
      ...prefixConstants(plan),
      ...outputConstants(plan),
    },
    bindings: withAxes(plan, [
      rowsBinding('q', plan.headDim, plan.queries),
      ...columnsBindings(plan),
      ...parts.logits.bindings,
      ...(plan.sinks ? [floats('sinks')] : []),
      rowsOutBinding('out', plan.valueDim, plan.out),
      ...(plan.inParts ? partialBindings('read_write') : []),
      words('marks', fixed ? 'read_write' : 'read'),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      matrixTypes,
      state,
      ...(scalesScores(plan) ? [turn] : []),
      ...parts.masks.limits,
      ...(zeroHidden ? [keepsVisibleTokens] : []),
      ...(skipping === undefined ? [] : [skipping]),
      ...(open === undefined ? [] : [open, nextOpenFunction]),
      ...parts.groups.functions,
      rowOf('QUERIES_PER_KV'),
      tokenOf,
      markAt,
      rowLoader('q', plan.headDim, plan.queries),
      ...queryEntries(plan),
      ...columnsFunctions(plan),
      tileFetcher('keys', plan),
      tileFetcher('values', plan),
      ...(scalesScores(plan) ? keyScales : []),
      ...weightFunctions(plan, parts),
      ...prefixFunctions(plan, parts),
      rowStorer('out', plan.valueDim, plan.out),
      ...referenceFunctions(plan, parts),
      ...outputFunctions(plan, raises),
    ],
    body: wgsl`
      let kv_head = group.x;
      let batch = group.z${plan.inParts ? ' % step.batch' : ''};
      ${plan.startsWith === 'first rows' ? firstRowsFirst : lastRowsFirst}
      ${fixed ? '' : returnUnlessMarked}
      let sequence = sequences[batch];
      ${plan.mask.causal ? returnBeyondTokens(plan) : ''}
      ${open === undefined ? '' : lookForOpen}
      ${plan.inParts ? columnsOfPart(plan) : `let columns = ${columnsEnd(plan)};`}

      // Where the rows of the subgroup begin, and what it has of each array.
      let subgroup_row = lane / 32u * SUBGROUP_ROWS;
      let scores_at = subgroup_row * SCORE_PITCH;
      let weights_at = subgroup_row * WEIGHT_PITCH;
      let scratch_at = lane / 32u * SUBGROUP_SCRATCH;
      let place = place_of(lane, first_row, batch, kv_head${open === undefined ? '' : ', open'});
      var state = State(MASKED, 0.0);

      // Queries become matrices by way of the weights' memory, 16 entries of all rows at a time.
      ${loadQueries(plan)}

      ${valueBlocks(plan, (d) => rowBlocks(plan, (b) => `var out${b}_${d} = Sums();`))}

      ${fixed ? '' : maxima(plan, next(startOf(plan)), following)}
      ${tile === 'shared' || tile === 'nearest' || (tile === 'first' && splits) ? referenceApart(plan, tile, raises) : ''}
      ${splits ? walkPrefix(plan, multiplyKeys(plan), multiplyValues(plan)) : ''}

      // What is multiplied next is fetched into registers while lanes wait for products.
      var first_column = ${next(startOf(plan))};
      var next_column = ${following('first_column + TILE_KEYS')};
      store_keys(lane, fetch_keys(lane, batch, kv_head, first_column, columns));
      ${scaled(`store_scales(lane, turn, ${scalesAt('first_column')});`)}
      var held_values = fetch_values(lane, batch, kv_head, first_column, columns);
      var held_keys = fetch_keys(lane, batch, kv_head, next_column, columns);
      ${scaled(`var held_scales = ${scalesAt('next_column')};`)}
      workgroupBarrier();
      ${tile === 'first' && !splits ? knowReference(plan, 'first_column', raises) : ''}

      while (first_column < columns) {
        ${multiplyKeys(plan)}
        workgroupBarrier();

        // Nobody needs the keys of this tile any more, nor the values of the one before.
        store_values(lane, held_values);
        store_keys(lane, held_keys);
        ${scaled('store_scales(lane, 1u - turn, held_scales);')}
        weigh(place, first_column, &state);
        ${scaled('turn = 1u - turn;')}
        first_column = next_column;
        next_column = ${following('first_column + TILE_KEYS')};
        held_values = fetch_values(lane, batch, kv_head, first_column, columns);
        held_keys = fetch_keys(lane, batch, kv_head, next_column, columns);
        ${scaled(`held_scales = ${scalesAt('next_column')};`)}
        workgroupBarrier();

        ${multiplyValues(plan)}
      }

      // Weights were not normalised: outputs are.
      let sum = sum_of(state, place.head${plan.inParts ? ', parts' : ''});
      ${fixed ? leaveMark : ''}
      ${plan.inParts ? leavePart : ''}
      let factor = select(0.0, 1.0 / sum, sum > 0.0${zeroHidden ? ' && keeps(batch, sequence, place.token)' : ''});

      ${writeOutputs(plan)}`,
  };
}

const lastRowsFirst = wgsl`
  // The last rows see most columns when causal: they start first.
  let first_row = (groups.y - 1u - group.y) * ROWS;`;

const firstRowsFirst = wgsl`
  // The first rows see less than a window: they start first, and those after them begin, and end, one by one.
  let first_row = group.y * ROWS;`;

/** What these rows hold is nobody's. The count of a context, which causal masks do not have, is not that of the tokens. */
const returnBeyondTokens = ({ reference }: AttentionMatrixPlan) => wgsl`
  // In a batch, rows behind the tokens of a shorter sequence.
  if (token_of(first_row) >= sequence.count) {
    ${reference === 'fixed' ? leaveUnmarked : ''}
    return;
  }`;

const leaveUnmarked = wgsl`
  if (lane == 0u) {
    marks[mark_at(group.z, first_row, kv_head)] = 0u;
  }`;

const scalesAt = (column: string) => `fetch_scales(lane, batch, kv_head, ${column}, columns)`;

/** Tiles are skipped behind the columns that every row sees: where the walk begins behind them, before its first tile only. */
const skipsOnce = (plan: AttentionMatrixPlan): boolean =>
  plan.mask.prefix === undefined && (splitsPrefix(plan) || plan.columns.zero === 0);

/** Where the walk over the columns of the sequence begins. */
const startOf = (plan: AttentionMatrixPlan) => (plan.inParts ? 'part_column' : sequenceStart(plan));

const columnsReached = 'visible_columns(sequence, token_of(first_row + ROWS - 1u))';

const lookForOpen = `let open = open_columns(lane, batch, sequence, token_of(first_row), token_of(first_row + ROWS - 1u), ${columnsReached});`;

const columnsEnd = ({ mask }: AttentionMatrixPlan) => (isMaskGiven(mask) ? 'open.y' : columnsReached);

/** Whole tiles, as many for each part. */
function columnsOfPart(plan: AttentionMatrixPlan): string {
  const [less, from] = splitsPrefix(plan) ? [' - PREFIX_COLUMNS', 'PREFIX_COLUMNS + '] : ['', ''];
  return wgsl`
    let parts = groups.z / step.batch;
    let part = group.z / step.batch;
    let all_columns = ${columnsEnd(plan)};
    let part_tiles = (all_columns${less} + parts * TILE_KEYS - 1u) / (parts * TILE_KEYS);
    let part_column = ${from}part * part_tiles * TILE_KEYS;
    let columns = min(all_columns, part_column + part_tiles * TILE_KEYS);`;
}

function doc(plan: AttentionMatrixPlan): string {
  const { reference, subgroups, rowBlocks, tileKeys } = plan;
  const rows = subgroups * rowBlocks * edge;
  return [
    `Attention for many tokens, by subgroup matrices: ${attentionText(plan)}`,
    'Rows are (token, query head of one KV head), so a group shares its keys and values.',
    `A workgroup holds ${rows} rows, ${rowBlocks * edge} in each subgroup of 32 lanes, and walks over tiles of ${tileKeys} key columns.`,
    reference === 'fixed'
      ? 'Exponentials are relative to the first visible tile: a row that outgrows f16 marks its workgroup, for the pass that follows.'
      : 'Works on the workgroups that the pass before has marked: here exponentials are relative to the maximum of the whole row.',
  ].join('\n');
}

const state = wgsl`
  /** What a lane knows of its row. */
  struct State {
    /** What exponentials are relative to, in log2; MASKED until the row has seen a column. */
    reference: f32,
    /** Of the exponentials of the columns that the lane took. */
    sum: f32,
  }`;

/** Where the scales of the tile are whose scores are being weighed. */
const turn = 'var<private> turn: u32 = 0u;';

const tokenOf = wgsl`
  /** Of a row of the KV head, counted over all workgroups. */
  fn token_of(row: u32) -> u32 {
    return min(row, step.tokens * QUERIES_PER_KV - 1u) / QUERIES_PER_KV;
  }`;

/** The walk takes high parts only: as in the kernel before, there is room above. */
const aboveRounded = 'state.reference += 4.0;';

/** A walk over the keys alone, after which the state knows the maximum of its row. */
const maxima = (plan: AttentionMatrixPlan, start: string, following: (column: string) => string) => wgsl`
  // First the maximum of each row, by a walk over the keys alone.
  var column = ${start};
  var held = fetch_keys(lane, batch, kv_head, column, columns);
  while (column < columns) {
    store_keys(lane, held);
    ${scalesScores(plan) ? `store_scales(lane, turn, ${scalesAt('column')});` : ''}
    workgroupBarrier();
    let following = ${following('column + TILE_KEYS')};
    held = fetch_keys(lane, batch, kv_head, following, columns);
    ${multiplyKeys(plan, 'ignored')}
    workgroupBarrier();
    state.reference = max(state.reference, maximum_of(place, column));
    ${scalesScores(plan) ? 'turn = 1u - turn;' : ''}
    column = following;
  }
  ${splitsPrefix(plan) ? prefixMaxima(plan, multiplyKeys(plan, 'ignored')) : ''}
  ${plan.rounding === 'split' ? aboveRounded : ''}

`;

/** Where the tile is not the one whose keys are multiplied next: that of the first or the last row, or of a walk that begins with the prefix. */
const referenceApart = (plan: AttentionMatrixPlan, tile: ReferenceTile, raises: boolean) => wgsl`
  let reference_column = ${referenceColumn(plan, tile)};
  store_keys(lane, fetch_keys(lane, batch, kv_head, reference_column, columns));
  ${scalesScores(plan) ? `store_scales(lane, turn, ${scalesAt('reference_column')});` : ''}
  workgroupBarrier();
  ${knowReference(plan, 'reference_column', raises)}`;

function referenceColumn(plan: AttentionMatrixPlan, tile: ReferenceTile): string {
  if (tile === 'nearest') return `nearest_tile(sequence, token_of(first_row), ${startOf(plan)}, columns)`;
  if (tile === 'first') return startOf(plan);
  return `next_tile(sequence, token_of(first_row + ROWS - 1u), ${sequenceStart(plan)})`;
}

/** After the keys of the tile at `column` have been stored. */
const knowReference = (plan: AttentionMatrixPlan, column: string, raises: boolean) => wgsl`
  // What exponentials are relative to, by a tile that all rows see something of: later ones need not ask.
  ${multiplyKeys(plan)}
  workgroupBarrier();
  ${fixReference(column, raises)}
  workgroupBarrier();`;
