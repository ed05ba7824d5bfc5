import type { AttentionLatentPlan } from '../../../plan/attention/kernel-plan.ts';
import { fourFrom, wgsl } from '../../wgsl.ts';
import type { AttentionParts } from './attention.ts';
import { rowLanes } from './latent-shape.ts';

/** From the slices' scores to weights: what lanes do between the products with keys and with values. */
export function weightFunctions(plan: AttentionLatentPlan, parts: AttentionParts): readonly string[] {
  return [place, parts.plain ? plainLogits : anyLogits, weigh(plan)];
}

const place = wgsl`
  /** What a lane works on: every ROW_LANES-th quad of a row. */
  struct Place {
    /** Counted in the workgroup; lanes beyond the last row repeat what others do. */
    row: u32,
    row_lane: u32,
    head: u32,
    token: u32,
    batch: u32,
  }

  fn place_of(lane: u32, first_head: u32, token: u32, batch: u32) -> Place {
    let row = lane / ROW_LANES;
    return Place(row, lane % ROW_LANES, min(first_head + row % ROWS, Q_HEADS - 1u), token, batch);
  }

  /** What exponentials of a row are relative to, its largest logit so far, and of the lane's exponentials the sum. */
  struct State {
    reference: f32,
    maximum: f32,
    sum: f32,
  }

  fn score_at(place: Place, quad: u32) -> vec4f {
    var sums = vec4f(0);
    for (var slice = 0u; slice < HEAD_SLICES; slice++) {
      sums += scores[(slice * ROWS + place.row % ROWS) * SCORE_PITCH + quad % TILE_QUADS];
    }
    return sums;
  }`;

/** Four neighbouring logits of a row, in units of log2. */
const plainLogits = wgsl`
  fn logits_at(place: Place, first_column: u32, quad: u32, columns: u32) -> vec4f {
    let own = ${fourFrom('first_column + 4u * quad')};
    return select(score_at(place, quad) * SCALE_LOG2E, vec4f(MASKED), own >= vec4u(columns));
  }`;

const anyLogits = wgsl`
  fn logits_at(place: Place, first_column: u32, quad: u32, columns: u32) -> vec4f {
    let sequence = sequences[place.batch];
    let sums = score_at(place, quad) * SCALE;
    var logits = vec4f(MASKED);
    for (var c = 0u; c < 4u; c++) {
      let column = first_column + 4u * quad + c;
      if (column < columns) {
        logits[c] = logit(sums[c], sequence, place.batch, place.head, place.token, column);
      }
    }
    return logits;
  }`;

/** Over the lanes of a row. */
function overRow(plan: AttentionLatentPlan, name: string, combine: (a: string, b: string) => string): string {
  const apart = [1, 2, 4, 8, 16].filter((distance) => distance < rowLanes(plan));
  return apart.map((distance) => `${name} = ${combine(name, `subgroupShuffleXor(${name}, ${distance}u)`)};`).join('\n');
}

/** The reference is four above the maximum of the first tile that has one: MASKED is so large that four are nothing. */
const weigh = (plan: AttentionLatentPlan) => wgsl`
  /** Scores of a row to weights, whose sum the state takes. */
  fn weigh(place: Place, first_column: u32, columns: u32, state: ptr<function, State>) {
    var logits: array<vec4f, QUADS_EACH>;
    var maxima = vec4f(MASKED);
    for (var i = 0u; i < QUADS_EACH; i++) {
      logits[i] = logits_at(place, first_column, i * ROW_LANES + place.row_lane, columns);
      maxima = max(maxima, logits[i]);
    }
    let pairs = max(maxima.xy, maxima.zw);
    var maximum = max(pairs.x, pairs.y);
    ${overRow(plan, 'maximum', (a, b) => `max(${a}, ${b})`)}
    (*state).maximum = max((*state).maximum, maximum);
    (*state).reference = select((*state).reference, maximum + HEADROOM, (*state).reference <= MASKED);
    let reference = max((*state).reference, LOWEST);
    for (var i = 0u; i < QUADS_EACH; i++) {
      let powers = exp2(logits[i] - reference);
      (*state).sum += dot(powers, vec4f(1));
      let quad = i * ROW_LANES + place.row_lane;
      ${store(plan)}
    }
  }

  fn row_sum(own: f32) -> f32 {
    var sum = own;
    ${overRow(plan, 'sum', (a, b) => `${a} + ${b}`)}
    return sum;
  }`;

function store(plan: AttentionLatentPlan): string {
  const text = 'weights[place.row % ROWS * WEIGHT_PITCH + quad % TILE_QUADS] = vec4h(powers);';
  if (plan.threads === rowLanes(plan) * plan.rowBlocks * 16) return text;
  return wgsl`
    if (place.row < ROWS) {
      ${text}
    }`;
}

/** Weights of f16 end at 2¹⁶. */
export const findOverflow = wgsl`
  if (lane == 0u) {
    atomicStore(&overflow[0], 0u);
  }
  workgroupBarrier();
  if (state.maximum > state.reference + 15.9) {
    atomicStore(&overflow[0], 1u);
  }
  let overflows = workgroupUniformLoad(&overflow[0]);`;
