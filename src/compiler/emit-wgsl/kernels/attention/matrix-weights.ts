import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { f32c, u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';
import type { AttentionParts } from './attention.ts';
import { scalesScores } from './matrix-tile.ts';

/** From scores to weights: what lanes do between the products with keys and with values. */
export function weightFunctions(plan: AttentionMatrixPlan, parts: AttentionParts): readonly string[] {
  const shared = parts.masks.shared;
  return [
    ...(shared === undefined ? [] : [shared]),
    place(shared !== undefined),
    ...(usesLogit(parts) ? parts.logits.functions : []),
    ...(shared === undefined ? [] : [visibleLogits(plan, parts)]),
    parts.masks.ranged ? rangedLogits : anyLogits(plan),
    maximumOf(plan),
    weigh(plan, parts, shared !== undefined),
  ];
}

/** Otherwise the columns of a row say it all. */
const usesLogit = ({ masks, form }: AttentionParts) => !masks.ranged || form === 'any';

export const weightConstants = (plan: AttentionMatrixPlan, { form }: AttentionParts) => ({
  SCORE_PITCH: u32c(plan.scorePitch),
  WEIGHT_PITCH: u32c(plan.weightPitch),
  ROW_LANES: u32c(2 / plan.rowBlocks),
  TILE_QUADS: u32c(plan.tileKeys / 4),
  QUADS_EACH: u32c((plan.tileKeys / 8) * plan.rowBlocks),
  ...(form === 'capped' &&
    plan.softcap && {
      CAP_LOG2E: f32c(plan.softcap.cap * Math.LOG2E),
      CAP_RATE: f32c((2 * plan.scale * Math.LOG2E) / plan.softcap.cap),
    }),
});

/** `fn place_of(lane, first_row, batch, kv_head) -> Place`. */
const place = (shared: boolean) => wgsl`
  /** What a lane works on: a row, or every other quad of a row that two lanes share. */
  struct Place {
    /** Counted in the workgroup. */
    row: u32,
    part: u32,
    batch: u32,
    token: u32,
    head: u32,
    ${shared ? '/** Columns that the row sees, and that all rows of the subgroup see: from x up to y. */\ncolumns: vec2u,\nshared_columns: vec2u,' : ''}
  }

  fn place_of(lane: u32, first_row: u32, batch: u32, kv_head: u32) -> Place {
    let row = lane / ROW_LANES;
    let own = row_of(first_row + row, batch, kv_head);
    ${shared ? columnsOfPlace : ''}
    return Place(row, lane % ROW_LANES, batch, own.token, own.head${shared ? ', columns, of_all' : ''});
  }`;

const columnsOfPlace = wgsl`
  let sequence = sequences[batch];
  let columns = shared_columns(sequence, own.token, own.token);
  let first = first_row + row / SUBGROUP_ROWS * SUBGROUP_ROWS;
  let of_all = shared_columns(sequence, token_of(first), token_of(first + SUBGROUP_ROWS - 1u));`;

/** `fn visible_logits_at(place, first_column, quad) -> vec4f`: four neighbouring logits of a row, in units of log2, none of them hidden. */
function visibleLogits(plan: AttentionMatrixPlan, { form }: AttentionParts): string {
  const capped = wgsl`
    // cap · tanh(x / cap): its absolute error is what counts, so one exponential will do for small x too.
    return CAP_LOG2E - 2.0 * CAP_LOG2E / (1.0 + exp2(sums * CAP_RATE));`;
  const any = wgsl`
    let sequence = sequences[place.batch];
    var logits = vec4f(0);
    for (var c = 0u; c < 4u; c++) {
      let column = first_column + 4u * quad + c;
      logits[c] = visible_logit(sums[c] * SCALE, sequence, place.batch, place.head, place.token, column);
    }
    return logits;`;
  const forms = { plain: 'return sums * SCALE_LOG2E;', capped: plan.softcap ? capped : '', any };
  return wgsl`
    fn visible_logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
      let sums = ${sumsAt(plan)};
      ${forms[form]}
    }`;
}

/** The remainder changes nothing: it tells the compiler that the index is within bounds, which it cannot see across calls. */
const sumsAt = (plan: AttentionMatrixPlan) => {
  const sums = 'scores[place.row % ROWS * SCORE_PITCH + quad % TILE_QUADS]';
  return scalesScores(plan) ? `${sums} * key_scales[turn % 2u * TILE_QUADS + quad % TILE_QUADS]` : sums;
};

const rangedLogits = wgsl`
  fn logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
    let columns = vec4u(first_column + 4u * quad) + vec4u(0, 1, 2, 3);
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

/** The maximum of a row's tile, known to all of its lanes. */
const maximumOf = ({ rowBlocks }: AttentionMatrixPlan) => wgsl`
  fn maximum_of(place: Place, first_column: u32) -> f32 {
    var maxima = vec4f(MASKED);
    for (var i = 0u; i < QUADS_EACH; i++) {
      maxima = max(maxima, logits_at(place, first_column, i * ROW_LANES + place.part));
    }
    let pairs = max(maxima.xy, maxima.zw);
    let maximum = max(pairs.x, pairs.y);
    return ${rowBlocks === 2 ? 'maximum' : 'max(maximum, subgroupShuffleXor(maximum, 1u))'};
  }`;

/** The reference is four above a tile's maximum, so that later tiles may be 2²⁰ times as large before a weight leaves the range of f16. */
const aboveMaximum = 'maximum_of(place, first_column) + 4.0';

/** Rows that see any column see the first: their references are known before the loop. */
const seesFirst = ({ masks }: AttentionParts) => masks.plain;

/** After the scores of the first tile. MASKED is so large that four are nothing. */
export const firstReference = (plan: AttentionMatrixPlan, parts: AttentionParts): string | undefined =>
  plan.reference === 'fixed' && seesFirst(parts) ? `state.reference = ${aboveMaximum};` : undefined;

const laterReference = wgsl`
  if (subgroupAny((*state).reference <= MASKED)) {
    (*state).reference = select((*state).reference, ${aboveMaximum}, (*state).reference <= MASKED);
  }`;

/** Most tiles are visible as a whole: they are worth a branch. */
const eitherWay = (text: (logits: string) => string) => wgsl`
  if (first_column >= place.shared_columns.x && first_column + TILE_KEYS <= place.shared_columns.y) {
    ${text('visible_logits_at')}
  } else {
    ${text('logits_at')}
  }`;

const eachQuad = (text: (quad: string) => string) => wgsl`
  for (var i = 0u; i < QUADS_EACH; i++) {
    ${text('i * ROW_LANES + place.part')}
  }`;

/** Scores are best read all at once. */
function weighQuads(shared: boolean): string {
  const either = shared ? eitherWay : (text: (logits: string) => string) => text('logits_at');
  return wgsl`
    var logits: array<vec4f, QUADS_EACH>;
    ${either((logits) => eachQuad((quad) => `logits[i] = ${logits}(place, first_column, ${quad});`))}
    ${eachQuad((quad) => `sum += weigh_quad(place, ${quad}, logits[i] - reference);`)}`;
}

const weigh = (plan: AttentionMatrixPlan, parts: AttentionParts, shared: boolean) => wgsl`
  fn weigh_quad(place: Place, quad: u32, exponents: vec4f) -> vec4f {
    let powers = exp2(exponents);
    weights[place.row % ROWS * WEIGHT_PITCH + quad % TILE_QUADS] = vec4h(powers);
    return powers;
  }

  /** Scores of a row to weights, whose sum the state takes. */
  fn weigh(place: Place, first_column: u32, state: ptr<function, State>) {
    ${plan.reference === 'fixed' && !seesFirst(parts) ? laterReference : ''}
    let reference = max((*state).reference, -1e30);
    var sum = vec4f(0);
    ${weighQuads(shared)}
    (*state).sum += dot(sum, vec4f(1));
  }`;
