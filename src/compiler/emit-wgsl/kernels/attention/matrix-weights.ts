import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { f32c, u32c } from '../../kernel.ts';
import { fourFrom, wgsl } from '../../wgsl.ts';
import type { AttentionParts } from './attention.ts';
import { logitsOfSums, seesPrefix } from './matrix-prefix.ts';
import { askReference, referenceTile } from './matrix-reference.ts';
import { rowPitch, scalesScores, splitsPrefix } from './matrix-tile.ts';

/** From scores to weights: what lanes do between the products with keys and with values. */
export function weightFunctions(plan: AttentionMatrixPlan, parts: AttentionParts): readonly string[] {
  const shared = parts.masks.shared;
  return [
    ...(shared === undefined ? [] : [shared]),
    place(plan, shared !== undefined),
    ...(usesLogit(plan, parts) ? parts.logits.functions : []),
    ...(shared === undefined ? [] : [visibleLogits(plan, parts)]),
    isRanged(plan, parts) ? rangedLogits : anyLogits(plan),
    maximumInRow(plan),
    maximumOf(plan),
    weigh(plan, parts, shared !== undefined),
  ];
}

/** Of what the loop walks over, a row sees the columns between two: without the prefix, this is so in spite of memory that no window hides. */
const isRanged = (plan: AttentionMatrixPlan, { masks }: AttentionParts) =>
  masks.ranged ||
  (splitsPrefix(plan) && masks.shared !== undefined && plan.mask.prefix === undefined && !isMaskGiven(plan.mask));

/** Otherwise the columns of a row say it all. */
const usesLogit = (plan: AttentionMatrixPlan, parts: AttentionParts) =>
  !isRanged(plan, parts) || parts.form === 'any' || (splitsPrefix(plan) && !seesPrefix(plan));

export const weightConstants = (plan: AttentionMatrixPlan, { form }: AttentionParts) => ({
  SCORE_PITCH: u32c(plan.scorePitch, rowPitch),
  WEIGHT_PITCH: u32c(plan.weightPitch, rowPitch),
  ROW_LANES: u32c(2 / plan.rowBlocks, 'that share a row of scores'),
  TILE_QUADS: u32c(plan.tileKeys / 4, 'of a row of scores'),
  QUADS_EACH: u32c((plan.tileKeys / 8) * plan.rowBlocks, 'of these, for a lane'),
  ...(form === 'capped' &&
    plan.softcap && {
      CAP_LOG2E: f32c(plan.softcap.cap * Math.LOG2E),
      CAP_RATE: f32c((2 * plan.scale * Math.LOG2E) / plan.softcap.cap),
    }),
});

/** `fn place_of(lane, first_row, batch, kv_head) -> Place`. */
const place = ({ mask }: AttentionMatrixPlan, shared: boolean) => wgsl`
  /** What a lane makes weights of: a row of scores, or every other quad of a row that two lanes share. */
  struct Place {
    /** Counted in the workgroup. */
    row: u32,
    row_lane: u32,
    batch: u32,
    token: u32,
    head: u32,
    ${shared ? '/** Columns that the row sees, and that all rows of the subgroup see: from x up to y. */\ncolumns: vec2u,\nshared_columns: vec2u,' : ''}
  }

  fn place_of(lane: u32, first_row: u32, batch: u32, kv_head: u32${isMaskGiven(mask) ? ', open: vec3u' : ''}) -> Place {
    let row = lane / ROW_LANES;
    let own = row_of(first_row + row, batch, kv_head);
    ${shared ? columnsOfPlace(isMaskGiven(mask)) : ''}
    return Place(row, lane % ROW_LANES, batch, own.token, own.head${shared ? ', columns, of_all' : ''});
  }`;

const columnsOfPlace = (given: boolean) => wgsl`
  let sequence = sequences[batch];
  let columns = shared_columns(sequence, own.token, own.token);
  let first = first_row + row / SUBGROUP_ROWS * SUBGROUP_ROWS;
  ${given ? 'var' : 'let'} of_all = shared_columns(sequence, token_of(first), token_of(first + SUBGROUP_ROWS - 1u));
  ${given ? 'of_all = select(vec2u(0), vec2u(max(of_all.x, open.x), min(of_all.y, open.y)), open.z == 1u);' : ''}`;

/** `fn visible_logits_at(place, first_column, quad) -> vec4f`: four neighbouring logits of a row, in units of log2, none of them hidden. */
function visibleLogits(plan: AttentionMatrixPlan, { form }: AttentionParts): string {
  const any = wgsl`
    let sequence = sequences[place.batch];
    var logits = vec4f(0);
    for (var c = 0u; c < 4u; c++) {
      let column = first_column + 4u * quad + c;
      logits[c] = visible_logit(sums[c] * SCALE, sequence, place.batch, place.head, place.token, column);
    }
    return logits;`;
  return wgsl`
    /** Four neighbouring logits of a row, in log2, as if all were visible. */
    fn visible_logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
      let sums = ${sumsAt(plan)};
      ${form === 'any' ? any : logitsOfSums[form]}
    }`;
}

/** The remainder changes nothing: it tells the compiler that the index is within bounds, which it cannot see across calls. */
const sumsAt = (plan: AttentionMatrixPlan) => {
  const sums = 'scores[place.row % ROWS * SCORE_PITCH + quad % TILE_QUADS]';
  return scalesScores(plan) ? `${sums} * key_scales[turn % 2u * TILE_QUADS + quad % TILE_QUADS]` : sums;
};

const rangedLogits = wgsl`
  /** MASKED where the row does not see the column. */
  fn logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
    let columns = ${fourFrom('first_column + 4u * quad')};
    let hidden = (columns < vec4u(place.columns.x)) | (columns >= vec4u(place.columns.y));
    return select(visible_logits_at(place, first_column, quad), vec4f(MASKED), hidden);
  }`;

const anyLogits = (plan: AttentionMatrixPlan) => wgsl`
  fn logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
    let sequence = sequences[place.batch];
    let sums = ${sumsAt(plan)};
    var logits = vec4f(0);
    for (var c = 0u; c < 4u; c++) {
      let column = first_column + 4u * quad + c;
      logits[c] = logit(sums[c] * SCALE, sequence, place.batch, place.head, place.token, column);
    }
    return logits;
  }`;

const maximumInRow = ({ rowBlocks }: AttentionMatrixPlan) => wgsl`
  /** Known to all lanes of the row. */
  fn maximum_in_row(maxima: vec4f) -> f32 {
    let pairs = max(maxima.xy, maxima.zw);
    ${
      rowBlocks === 2
        ? 'return max(pairs.x, pairs.y);'
        : 'let maximum = max(pairs.x, pairs.y);\nreturn max(maximum, subgroupShuffleXor(maximum, 1u));'
    }
  }`;

const maximumOf = (plan: AttentionMatrixPlan) => wgsl`
  /** The largest logit that a row has in the tile. */
  fn maximum_of(place: Place, first_column: u32) -> f32 {
    var maxima = vec4f(MASKED);
    ${ownQuads(plan, (quad) => `maxima = max(maxima, logits_at(place, first_column, ${quad}));`)}
    return maximum_in_row(maxima);
  }`;

/** Most tiles are visible as a whole: they are worth a branch. */
const eitherWay = (text: (logits: string) => string) => wgsl`
  if (first_column >= place.shared_columns.x && first_column + TILE_KEYS <= place.shared_columns.y) {
    ${text('visible_logits_at')}
  } else {
    ${text('logits_at')}
  }`;

const ownQuads = (plan: AttentionMatrixPlan, text: (quad: string) => string) => wgsl`
  for (var i = 0u; i < QUADS_EACH; i++) {
    ${text(plan.turned ? '(i + place.row / 4u) % TILE_QUADS' : 'i * ROW_LANES + place.row_lane')}
  }`;

/** Scores are best read all at once. */
function weighQuads(plan: AttentionMatrixPlan, shared: boolean): string {
  const either = shared ? eitherWay : (text: (logits: string) => string) => text('logits_at');
  const eachQuad = (text: (quad: string) => string) => ownQuads(plan, text);
  return wgsl`
    var logits: array<vec4f, QUADS_EACH>;
    ${either((logits) => eachQuad((quad) => `logits[i] = ${logits}(place, first_column, ${quad});`))}
    ${eachQuad((quad) => `sum += weigh_quad(place, ${quad}, logits[i] - reference);`)}`;
}

function weigh(plan: AttentionMatrixPlan, parts: AttentionParts, shared: boolean): string {
  const asks = plan.reference === 'fixed' && referenceTile(plan, parts) === 'seen';
  return wgsl`
  /** From exponents to powers, which are the weights: these are kept as f16. */
  fn weigh_quad(place: Place, quad: u32, exponents: vec4f) -> vec4f {
    let powers = exp2(exponents);
    weights[place.row % ROWS * WEIGHT_PITCH + quad % TILE_QUADS] = vec4h(powers);
    return powers;
  }

  /** From the scores of a row to weights, whose sum the state takes.${plan.turned ? ' Neighbouring rows begin with different quads: their banks of memory differ.' : ''} */
  fn weigh(place: Place, first_column: u32, state: ptr<function, State>) {
    ${asks ? askReference('maximum_of(place, first_column)') : ''}
    let reference = max((*state).reference, LOWEST);
    var sum = vec4f(0);
    ${weighQuads(plan, shared)}
    (*state).sum += dot(sum, vec4f(1));
  }`;
}
