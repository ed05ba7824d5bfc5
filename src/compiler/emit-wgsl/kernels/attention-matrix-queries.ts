import type { AttentionMatrixPlan } from '../../plan/attention-kernel-plan.ts';
import { u32c } from '../kernel.ts';
import { repeat, wgsl } from '../wgsl.ts';
import { edge, headBlocks, rowBlocks } from './attention-matrix-blocks.ts';

export const queryConstants = (plan: AttentionMatrixPlan) => ({
  QUERY_ROWS: u32c(plan.rowBlocks * 2),
  QUERY_QUADS: u32c(plan.rowBlocks * 2 * Math.ceil(plan.headDim / edge)),
});

/** A lane's share of its subgroup's queries, all of it read at once. Blocks are whole: entries beyond the width are zero. */
export function queryEntries({ headDim }: AttentionMatrixPlan): string {
  const beyond = wgsl`
    if (quad >= HEAD_QUADS) {
      entries[n] = vec4h(0);
    }`;
  return wgsl`
    /** Four lanes side by side read 16 entries of a row, eight rows at a time. */
    fn query_entries(lane: u32, first_row: u32, batch: u32, kv_head: u32) -> array<vec4h, QUERY_QUADS> {
      var entries: array<vec4h, QUERY_QUADS>;
      for (var n = 0u; n < QUERY_QUADS; n++) {
        let row = row_of(first_row + n % QUERY_ROWS * 8u + lane % 32u / 4u, batch, kv_head);
        let quad = n / QUERY_ROWS * 4u + lane % 4u;
        entries[n] = vec4h(load_q(row.index, quad));
        ${headDim % edge === 0 ? '' : beyond}
      }
      return entries;
    }`;
}

/** From \`entries\` to matrices, by way of the weights' memory, which is not yet used: 16 entries of all rows at a time. */
export const loadQueries = (plan: AttentionMatrixPlan): string =>
  headBlocks(plan, (d) => {
    const entries = plan.rowBlocks * 2;
    return wgsl`
      workgroupBarrier();
      ${repeat(entries, (n) => `weights[weights_at + ${n * 32}u + lane % 32u] = entries[${d * entries + n}];`)}
      workgroupBarrier();
      ${rowBlocks(plan, (b) => `let query${b}_${d} = subgroupMatrixLoad<Left, row_major>(&weights, weights_at + ${b * edge * 4}u, 4u);`)}`;
  });
