import type { AttentionLatentPlan } from '../../../plan/attention/kernel-plan.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import type { LatentShape } from './latent-shape.ts';

export const outputFunctions = (plan: AttentionLatentPlan): readonly string[] => [write(plan)];

/** Four lanes side by side take 16 entries of a row. */
function write({ leaves }: AttentionLatentPlan): string {
  const store = 'store_out(row_at + head, first_quad + lane % 4u, scores[at] * factors[first_row + row]);';
  const storePart =
    'partial_outputs[((row_at + head) * parts + part) * VALUE_QUADS + first_quad + lane % 4u] = scores[at];';
  return wgsl`
    fn write(lane: u32, row_at: u32, first_head: u32, first_row: u32, first_quad: u32${leaves === 'rows' ? '' : ', part: u32, parts: u32'}) {
      for (var n = 0u; n < 2u; n++) {
        let row = n * 8u + lane % 32u / 4u;
        let at = (lane % THREADS / 32u * 16u + row) * SCRATCH_PITCH + lane % 4u;
        let head = first_head + first_row + row;
        if (head < Q_HEADS) {
          ${leaves === 'rows' ? store : storePart}
        }
      }
    }`;
}

const sinkOf = (plan: AttentionLatentPlan) =>
  plan.sinks ? ' + exp2(sinks[place.head] * LOG2E - max(state.reference, LOWEST))' : '';

const leaveFactor = (plan: AttentionLatentPlan) => wgsl`
  let sum = row_sum(state.sum)${sinkOf(plan)};
  if (place.row_lane == 0u && place.row < ROWS) {
    factors[place.row] = select(0.0, 1.0 / sum, sum > 0.0);
  }`;

const leaveSum = wgsl`
  let sum = row_sum(state.sum);
  if (place.row_lane == 0u && place.row < ROWS && first_head + place.row < Q_HEADS) {
    partial_sums[(row_at + place.head) * parts + part] = vec2f(state.reference, sum);
  }`;

/** Blocks of outputs pass through the memory of the scores. */
export const writeOutputs = (shape: LatentShape): string => wgsl`
  let row_at = (batch * step.tokens + token) * Q_HEADS;
  ${shape.leaves === 'rows' ? leaveFactor(shape) : leaveSum}
  let scratch_at = subgroup * 16u * SCRATCH_PITCH;
  ${repeat(shape.valueBlocks, (d) =>
    repeat(
      shape.rowBlocks,
      (b) => wgsl`
        workgroupBarrier();
        subgroupMatrixStore<row_major>(&scores, scratch_at, out${b}_${d}, SCRATCH_PITCH);
        workgroupBarrier();
        write(lane, row_at, first_head, ${b * 16}u, values_at + ${4 * d}u${shape.leaves === 'rows' ? '' : ', part, parts'});`,
    ),
  )}`;
