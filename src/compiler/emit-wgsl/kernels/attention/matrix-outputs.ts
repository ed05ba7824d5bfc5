import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';
import { edge, rowBlocks, valueBlocks } from './matrix-blocks.ts';

export const outputConstants = (plan: AttentionMatrixPlan) => ({
  SCRATCH_PITCH: u32c(edge / 4 + 1),
  SUBGROUP_SCRATCH: u32c(plan.rowBlocks * edge * plan.scorePitch),
});

export function outputFunctions(plan: AttentionMatrixPlan): readonly string[] {
  return [sumOf(plan), ...(plan.reference === 'fixed' ? [fits(plan)] : []), writeBlock(plan)];
}

/** A sink is a logit of the row's head that has no value; of a row in parts it is added when these are joined. */
function sumOf({ sinks, rowBlocks, inParts }: AttentionMatrixPlan): string {
  const sink = 'exp2(sinks[head] * LOG2E - max(state.reference, -1e30))';
  const added = inParts ? ` + select(0.0, ${sink}, parts == 1u)` : ` + ${sink}`;
  return wgsl`
    fn sum_of(state: State, head: u32${inParts ? ', parts: u32' : ''}) -> f32 {
      let sum = ${rowBlocks === 2 ? 'state.sum' : 'state.sum + subgroupShuffleXor(state.sum, 1u)'};
      return sum${sinks ? added : ''};
    }`;
}

/** Rounded queries hold rows to 5e-3 while the largest logits of the first tile stay below 16 (in log2): others are left to the exact kernel. */
const fits = ({ rounding }: AttentionMatrixPlan) => wgsl`
  fn fits(state: State, sum: f32) -> bool {
    return sum <= 65504.0${rounding === 'small' ? ' && state.reference <= 20.0' : ''};
  }`;

/** The kernel that redoes rows finds its work by what this leaves. */
export const leaveMark = wgsl`
  if (!fits(state, sum)) {
    atomicStore(&found[0], 1u);
  }
  workgroupBarrier();
  if (lane == 0u) {
    marks[mark_at(group.z, first_row, kv_head)] = atomicLoad(&found[0]);
  }`;

/** What a part of a row's columns comes to is left as it is, with what it is relative to. */
export const leavePart = wgsl`
  if (parts > 1u && first_row + place.row < step.tokens * QUERIES_PER_KV) {
    partial_sums[row_of(first_row + place.row, batch, kv_head).index * parts + part] = vec2f(state.reference, sum);
  }`;

/** Four lanes side by side take 16 entries of a row; `factor` is known to the lanes that weighed it. */
function writeBlock(plan: AttentionMatrixPlan): string {
  const inside = quads(plan.valueDim) % 4 === 0 ? '' : ' && first_quad + lane % 4u < VALUE_QUADS';
  const store = wgsl`
    store_out(row_of(number, batch, kv_head).index, first_quad + lane % 4u, scores[at] * own);`;
  const storePart = wgsl`
    let index = row_of(number, batch, kv_head).index;
    if (parts == 1u) {
      store_out(index, first_quad + lane % 4u, scores[at] * own);
    } else {
      partial_outputs[(index * parts + part) * VALUE_QUADS + first_quad + lane % 4u] = scores[at];
    }`;
  return wgsl`
    fn write(lane: u32, first_row: u32, batch: u32, kv_head: u32, block: u32, first_quad: u32, factor: f32${plan.inParts ? ', part: u32, parts: u32' : ''}) {
      for (var n = 0u; n < 2u; n++) {
        let row = n * 8u + lane % 32u / 4u;
        let own = subgroupShuffle(factor, (block * 16u + row) * ROW_LANES);
        let at = lane % THREADS / 32u * SUBGROUP_SCRATCH + row * SCRATCH_PITCH + lane % 4u;
        let number = first_row + block * 16u + row;
        if (number < step.tokens * QUERIES_PER_KV${inside}) {
          ${plan.inParts ? storePart : store}
        }
      }
    }`;
}

export const writeOutputs = (plan: AttentionMatrixPlan): string =>
  valueBlocks(plan, (d) =>
    rowBlocks(
      plan,
      (b) => wgsl`
        workgroupBarrier();
        subgroupMatrixStore<row_major>(&scores, scratch_at, out${b}_${d}, SCRATCH_PITCH);
        workgroupBarrier();
        write(lane, first_row + subgroup_row, batch, kv_head, ${b}u, ${4 * d}u, factor${plan.inParts ? ', part, parts' : ''});`,
    ),
  );
