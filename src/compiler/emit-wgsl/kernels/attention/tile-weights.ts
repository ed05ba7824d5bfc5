import type { AttentionTilePlan } from '../../../plan/attention/kernel-plan.ts';
import { fourFrom, repeat, wgsl } from '../../wgsl.ts';

/** From the scores of `attention_tile` to weights: masks, the maximum and the sum of a row over its key lanes. */
export const weightFunctions = (plan: AttentionTilePlan, plain: boolean): readonly string[] => [
  logitsOf(plain),
  foldOfLanes(plan),
];

/** Quads of scores of a row in an invocation: those of a vector of keys, then those of the next. */
const quadsOf = ({ keyVectors, vectorEntries }: AttentionTilePlan) => (keyVectors * vectorEntries) / 4;

export function startScores(plan: AttentionTilePlan): string {
  if (plan.products === 'f32') return eachScore(plan, (score) => `var ${score} = vec4f(0);`);
  return wgsl`
    // Sums of f16 start below zero, so that those of large logits stay small; scores make up for it.
    ${eachScore(plan, (score) => `var ${score} = vec4f(STARTS);`)}`;
}

const eachScore = (plan: AttentionTilePlan, text: (score: string, r: number, n: number) => string) =>
  repeat(plan.rowsEach, (r) => repeat(quadsOf(plan), (n) => text(`score_${r}_${n}`, r, n)));

/** Scratch of a number for each row and key lane. With products of f32 it is the memory of keys, which are all multiplied by then. */
const scratchOf = ({ products }: AttentionTilePlan) => (products === 'f16' ? 'lanes' : 'right');

export const laneOf = (plan: AttentionTilePlan, r: number) =>
  `${scratchOf(plan)}[tile_row_${r} * LANE_QUADS + key_lane / 4u][key_lane % 4u]`;

/** A sink is a logit that all rows of its head start with, and that has no value. */
export const startAtSink = ({ products }: AttentionTilePlan, r: number) => wgsl`
  var maximum_${r} = sinks[row_${r}.head] * LOG2E;
  var sum_${r} = select(0.0, ${products === 'f16' ? 'exp2(-HEADROOM)' : '1.0'}, key_lane == 0u);`;

/**
 * From scores to logits in units of log2. `skipsMasks`: the invocation knows the columns that all rows see, whose logits are scores times
 * the scale.
 */
export function logitsOfTile(plan: AttentionTilePlan, skipsMasks: boolean): string {
  const quads = plan.vectorEntries / 4;
  const column = (n: number) => {
    const vector = n < quads ? '' : ' + VECTOR * KEY_LANES';
    return `key_column${vector}${n % quads === 0 ? '' : ' + 4u'}`;
  };
  const logits = wgsl`
    let key_column = first_column + VECTOR * key_lane;
    ${eachScore(plan, (score, r, n) => `${score} = logits(${score}, sequence, batch, row_${r}, ${column(n)});`)}`;
  if (!skipsMasks) return logits;
  return wgsl`
    // Most tiles have nothing that is hidden from a row.
    if (seen_by_all.x <= first_column && first_column + TILE_KEYS <= seen_by_all.y) {
      ${eachScore(plan, (score) => `${score} *= SCALE_LOG2E;`)}
    } else {
      ${logits}
    }`;
}

export function greatestOf(plan: AttentionTilePlan, r: number): string {
  const scores = Array.from({ length: quadsOf(plan) }, (_, n) => `score_${r}_${n}`);
  return `greatest(${scores.reduce((most, score) => `max(${most}, ${score})`)})`;
}

/** From the logits of a row to weights, relative to its maximum so far. */
export function weigh(plan: AttentionTilePlan, r: number): string {
  const reference = plan.products === 'f16' ? `(maximum_${r} + HEADROOM)` : `maximum_${r}`;
  const weight = (n: number) => wgsl`
    score_${r}_${n} = exp2(score_${r}_${n} - ${reference});
    sum_${r} += dot(score_${r}_${n}, vec4f(1));`;
  return wgsl`
    let old_${r} = maximum_${r};
    maximum_${r} = max(maximum_${r}, max_of_lanes(tile_row_${r}));
    let rescale_${r} = exp2(old_${r} - maximum_${r});
    sum_${r} *= rescale_${r};
    ${repeat(quadsOf(plan), weight)}`;
}

/** The weights of a row for the vector of keys that `first_vector` is among. */
export function weightsOf({ products, keyVectors }: AttentionTilePlan, r: number): string {
  const half = products === 'f16';
  const weights = (n: number) => (half ? `vector_of(score_${r}_${2 * n}, score_${r}_${2 * n + 1})` : `score_${r}_${n}`);
  return keyVectors === 1 ? weights(0) : `select(${weights(0)}, ${weights(1)}, first_vector >= KEY_LANES)`;
}

/** `fn logits(sums, sequence, batch, row, column) -> vec4f`: of four columns from `column` on, in units of log2, MASKED where hidden. */
function logitsOf(plain: boolean): string {
  const parameters = 'sums: vec4f, sequence: Sequence, batch: u32, row: Row, column: u32';
  const full = wgsl`
    /** Of four columns, in units of log2. */
    fn logits(${parameters}) -> vec4f {
      let scaled = sums * SCALE;
      var logits = vec4f(0);
      for (var c = 0u; c < 4u; c++) {
        logits[c] = logit(scaled[c], sequence, batch, row.head, row.token, column + c);
      }
      return logits;
    }`;
  const masked = wgsl`
    /** Of four columns, in units of log2. */
    fn logits(${parameters}) -> vec4f {
      let hidden = ${fourFrom('column')} >= vec4u(visible_columns(sequence, row.token));
      return select(sums * SCALE_LOG2E, vec4f(MASKED), hidden);
    }`;
  return plain ? masked : full;
}

function foldOfLanes(plan: AttentionTilePlan): string {
  const scratch = scratchOf(plan);
  const quads = Array.from({ length: plan.keyLanes / 4 }, (_, n) => `${scratch}[tile_row * LANE_QUADS + ${n}u]`);
  return wgsl`
    fn greatest(logits: vec4f) -> f32 {
      let pairs = max(logits.xy, logits.zw);
      return max(pairs.x, pairs.y);
    }

    /** What the lanes of a row have left in workgroup memory. */
    fn max_of_lanes(tile_row: u32) -> f32 {
      return greatest(${quads.reduce((most, quad) => `max(${most}, ${quad})`)});
    }

    fn sum_of_lanes(tile_row: u32) -> f32 {
      return dot(${quads.join(' + ')}, vec4f(1));
    }`;
}
