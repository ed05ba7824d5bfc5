import { wgsl } from '../../wgsl.ts';

/**
 * Marks `[sequence and part, rows / MARK_ROWS, KV head]`: which rows a kernel leaves to the next, whose workgroups may have fewer.
 * `fn mark_at(z: u32, first_row: u32, kv_head: u32) -> u32`.
 */
export const markAt = wgsl`
  /** The mark of the workgroup that has the row; z counts sequences, and parts of their columns. */
  fn mark_at(z: u32, first_row: u32, kv_head: u32) -> u32 {
    let tiles = (step.tokens * QUERIES_PER_KV + MARK_ROWS - 1u) / MARK_ROWS;
    return (z * tiles + first_row / MARK_ROWS) * KV_HEADS + kv_head;
  }`;

export const returnUnlessMarked = wgsl`
  if (marks[mark_at(group.z, first_row, kv_head)] == 0u) {
    return;
  }`;
