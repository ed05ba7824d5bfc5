import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { u32c } from '../../kernel.ts';
import { edge } from '../../subgroup-matrix.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { rowBlocks, valueBlocks } from './matrix-blocks.ts';
import { rowPitch } from './matrix-tile.ts';

export const outputConstants = (plan: AttentionMatrixPlan) => ({
  SCRATCH_PITCH: u32c(edge / 4 + 1, rowPitch),
  SUBGROUP_SCRATCH: u32c(
    plan.rowBlocks * edge * plan.scorePitch,
    'quads of the scores that a subgroup has for outputs',
  ),
});

/** @param raises references may turn out too high. */
export function outputFunctions(plan: AttentionMatrixPlan, raises: boolean): readonly string[] {
  return [
    sumOf(plan),
    ...(plan.reference === 'fixed' ? [fits(plan, raises)] : []),
    plan.inParts ? writeRow(plan) : writeBlock(plan),
  ];
}

/** A sink is a logit of the row's head that has no value; of a row in parts it is added when these are joined. */
function sumOf({ sinks, rowBlocks, inParts }: AttentionMatrixPlan): string {
  const sink = 'exp2(sinks[head] * LOG2E - max(state.reference, LOWEST))';
  const added = inParts ? ` + select(0.0, ${sink}, parts == 1u)` : ` + ${sink}`;
  return wgsl`
    /** Of all exponentials of the row. */
    fn sum_of(state: State, head: u32${inParts ? ', parts: u32' : ''}) -> f32 {
      return state.sum${rowBlocks === 2 ? '' : ' + subgroupShuffleXor(state.sum, 1u)'}${sinks ? added : ''};
    }`;
}

/** Rounded queries hold rows to 5e-3 while the largest logits of the first tile stay below 16 (in log2): others are left to the exact kernel. */
const fits = ({ rounding }: AttentionMatrixPlan, raises: boolean) => wgsl`
  /** Whether no weight of the row left the range of f16${raises ? ', and not all of them are small' : ''}${rounding === 'small' ? ', and its logits are small enough for rounded queries' : ''}. */
  fn fits(state: State, sum: f32) -> bool {
    return sum <= 65504.0${raises ? ' && (sum >= 1.0 / 4096.0 || state.reference <= LOWEST)' : ''}${rounding === 'small' ? ' && state.reference <= 20.0' : ''};
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

/**
 * Outputs leave by way of the scores' memory, 16 entries at a time. Which text of it leaves the driver's compiler registers for the loop was
 * measured: where columns are dealt into parts, that of all rows at once (4 % less time), elsewhere that of 16 rows at a time (5 %).
 */
export const writeOutputs = (plan: AttentionMatrixPlan): string => (plan.inParts ? writeRows(plan) : writeBlocks(plan));

const storesRow = ({ valueDim }: AttentionMatrixPlan, exists: string) =>
  quads(valueDim) % 4 === 0 ? exists : `${exists} && quad < VALUE_QUADS`;

/** `fn write(lane, n, row, first_quad, part, parts)`: entries of a row, or of its partial result. */
const writeRow = (plan: AttentionMatrixPlan) => wgsl`
  /** A row that a lane writes entries of: four lanes side by side write 16. */
  struct WrittenRow {
    index: u32,
    exists: bool,
    factor: f32,
  }

  /** One of the n-th eight rows of the subgroup. */
  fn written_row(lane: u32, n: u32, first_row: u32, batch: u32, kv_head: u32, factor: f32) -> WrittenRow {
    let row = n * 8u + lane % 32u / 4u;
    let index = row_of(first_row + row, batch, kv_head).index;
    let exists = first_row + row < step.tokens * QUERIES_PER_KV;
    return WrittenRow(index, exists, subgroupShuffle(factor, row * ROW_LANES));
  }

  /** Of the n-th eight rows: normalised, or as a part of them is left. */
  fn write(lane: u32, n: u32, row: WrittenRow, first_quad: u32, part: u32, parts: u32) {
    let quad = first_quad + lane % 4u;
    let at = lane % THREADS / 32u * SUBGROUP_SCRATCH + (n % QUERY_ROWS * 8u + lane % 32u / 4u) * SCRATCH_PITCH + lane % 4u;
    if (${storesRow(plan, 'row.exists')}) {
      if (parts == 1u) {
        store_out(row.index, quad, scores[at] * row.factor);
      } else {
        partial_outputs[(row.index * parts + part) * VALUE_QUADS + quad] = scores[at];
      }
    }
  }`;

function writeRows(plan: AttentionMatrixPlan): string {
  const eightRows = (text: (n: number) => string) => repeat(plan.rowBlocks * 2, text);
  return wgsl`
    // Outputs leave by way of the scores' memory, 16 entries of all rows at a time.
    ${eightRows((n) => `let row${n} = written_row(lane, ${n}u, first_row + subgroup_row, batch, kv_head, factor);`)}
    ${valueBlocks(
      plan,
      (d) => wgsl`
        workgroupBarrier();
        ${rowBlocks(plan, (b) => `subgroupMatrixStore<row_major>(&scores, scratch_at + ${b * edge}u * SCRATCH_PITCH, out${b}_${d}, SCRATCH_PITCH);`)}
        workgroupBarrier();
        ${eightRows((n) => `write(lane, ${n}u, row${n}, ${4 * d}u, part, parts);`)}`,
    )}`;
}

/** `fn write(lane, first_row, batch, kv_head, block, first_quad, factor)`: entries of 16 rows. */
const writeBlock = (plan: AttentionMatrixPlan) => wgsl`
  /** Four lanes side by side take 16 entries of a row; the factor is known to the lanes that weighed it. */
  fn write(lane: u32, first_row: u32, batch: u32, kv_head: u32, block: u32, first_quad: u32, factor: f32) {
    for (var n = 0u; n < 2u; n++) {
      let row = n * 8u + lane % 32u / 4u;
      let quad = first_quad + lane % 4u;
      let own = subgroupShuffle(factor, (block * 16u + row) * ROW_LANES);
      let at = lane % THREADS / 32u * SUBGROUP_SCRATCH + row * SCRATCH_PITCH + lane % 4u;
      let number = first_row + block * 16u + row;
      if (${storesRow(plan, 'number < step.tokens * QUERIES_PER_KV')}) {
        store_out(row_of(number, batch, kv_head).index, quad, scores[at] * own);
      }
    }
  }`;

const writeBlocks = (plan: AttentionMatrixPlan): string => wgsl`
  // Outputs leave by way of the scores' memory, 16 entries of 16 rows of each subgroup at a time.
  ${valueBlocks(plan, (d) =>
    rowBlocks(
      plan,
      (b) => wgsl`
        workgroupBarrier();
        subgroupMatrixStore<row_major>(&scores, scratch_at, out${b}_${d}, SCRATCH_PITCH);
        workgroupBarrier();
        write(lane, first_row + subgroup_row, batch, kv_head, ${b}u, ${4 * d}u, factor);`,
    ),
  )}`;
