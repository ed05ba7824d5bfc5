import type { LinearMatrixPlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, u32c } from '../kernel.ts';
import { quads } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { linearParts } from './linear.ts';

/** Edge of a block that a subgroup matrix holds. */
const edge = 16;

/**
 * Products of 16 × 16 blocks by subgroup matrices: f16 entries, f32 sums. A subgroup makes `rowBlocks` blocks of rows by all
 * columns of the tile; blocks are written out, as matrices in arrays would not stay in registers.
 */
export function linearMatrix(plan: LinearMatrixPlan): KernelSource {
  const { gated, split: _, ...shared } = linearParts(plan);
  const rows = [...Array(plan.rowBlocks).keys()];
  const columns = [...Array(plan.tileColumns / edge).keys()];
  const sums = gated ? ['sum', 'gate'] : ['sum'];
  const perBlock = (text: (r: number, c: number) => string) =>
    columns.map((c) => rows.map((r) => text(r, c)).join('\n')).join('\n');
  const tileOf = (name: string) => (name === 'sum' ? 'weight_tile' : 'gate_tile');
  const scratchOf = (name: string) => (name === 'sum' ? 'scratch' : 'gate_scratch');
  const multiply = (quad: number) => wgsl`
    {
      ${rows.map((r) => `let x${r} = subgroupMatrixLoad<Left, row_major>(&x_tile, (subgroup_row + ${r * edge}u) * TILE_PITCH + ${quad}u, TILE_PITCH);`).join('\n')}
      ${columns.map((c) => sums.map((name) => multiplyColumn(name, c, quad)).join('\n')).join('\n')}
    }`;
  const multiplyColumn = (name: string, c: number, quad: number) => wgsl`
    let ${name}_weights${c} = subgroupMatrixLoad<Right, col_major>(&${tileOf(name)}, ${c * edge}u * TILE_PITCH + ${quad}u, TILE_PITCH);
    ${rows.map((r) => `${name}${r}_${c} = subgroupMatrixMultiplyAccumulate(x${r}, ${name}_weights${c}, ${name}${r}_${c});`).join('\n')}`;
  const writeBlock = (r: number, c: number) => wgsl`
    workgroupBarrier();
    ${sums.map((name) => `subgroupMatrixStore<row_major>(&${scratchOf(name)}, lane / 32u * 16u * SCRATCH_PITCH, ${name}${r}_${c}, SCRATCH_PITCH);`).join('\n')}
    workgroupBarrier();
    finish_block(lane, first_row + subgroup_row + ${r * edge}u, first_column + ${c * edge}u);`;
  const depths = [...Array(plan.tileDepth / edge).keys()].map((step) => step * (edge / 4));
  return {
    ...shared,
    doc: `${shared.doc}\nA workgroup makes ${plan.tileRows} rows × ${plan.tileColumns} columns, by subgroup matrices.`,
    enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...shared.constants,
      IN_QUADS: u32c(quads(plan.inWidth)),
      OUT_WIDTH: u32c(plan.outWidth),
      TILE_ROWS: u32c(plan.tileRows),
      TILE_COLUMNS: u32c(plan.tileColumns),
      TILE_QUADS: u32c(plan.tileDepth / 4),
      TILE_PITCH: u32c(plan.tilePitch),
      SUBGROUP_ROWS: u32c(plan.rowBlocks * edge),
      SCRATCH_PITCH: u32c(edge / 4 + 1),
      THREADS: u32c(plan.threads),
      X_HELD: u32c((plan.tileRows * plan.tileDepth) / 4 / plan.threads),
      WEIGHTS_HELD: u32c((plan.tileColumns * plan.tileDepth) / 4 / plan.threads),
    },
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...shared.functions,
      types,
      tile('x', 'X_HELD', 'load_x(row_of_x(min(first + r, row_count() - 1u)), quad)'),
      tile('weight', 'WEIGHTS_HELD', 'load_weight(min(first + r, OUT_WIDTH - 1u) * IN_QUADS + quad)'),
      ...(gated ? [tile('gate', 'WEIGHTS_HELD', 'load_gate(min(first + r, OUT_WIDTH - 1u) * IN_QUADS + quad)')] : []),
      finishBlock(gated),
    ],
    body: wgsl`
      let first_column = group.x * TILE_COLUMNS;
      let first_row = group.y * TILE_ROWS;
      let subgroup_row = lane / 32u * SUBGROUP_ROWS;
      ${perBlock((r, c) => sums.map((name) => `var ${name}${r}_${c} = Result();`).join('\n'))}

      // The next tiles are fetched into registers while these are multiplied.
      var x_held = fetch_x(lane, first_row, 0u);
      var weight_held = fetch_weight(lane, first_column, 0u);
      ${gated ? 'var gate_held = fetch_gate(lane, first_column, 0u);' : ''}
      for (var depth = 0u; depth < IN_QUADS; depth += TILE_QUADS) {
        workgroupBarrier();
        store_x(lane, x_held);
        store_weight(lane, weight_held);
        ${gated ? 'store_gate(lane, gate_held);' : ''}
        workgroupBarrier();
        let next = min(depth + TILE_QUADS, IN_QUADS - TILE_QUADS);
        x_held = fetch_x(lane, first_row, next);
        weight_held = fetch_weight(lane, first_column, next);
        ${gated ? 'gate_held = fetch_gate(lane, first_column, next);' : ''}
        ${depths.map(multiply).join('\n')}
      }

      ${perBlock(writeBlock)}`,
  };
}

const types = wgsl`
  alias Left = subgroup_matrix_left<f16, 16, 16>;
  alias Right = subgroup_matrix_right<f16, 16, 16>;
  alias Result = subgroup_matrix_result<f32, 16, 16>;`;

/** A lane's share of a tile: fetched from memory, and stored where matrices are loaded from. Rows beyond the last repeat it. */
const tile = (name: string, held: string, value: string) => wgsl`
  fn fetch_${name}(lane: u32, first: u32, depth: u32) -> array<vec4h, ${held}> {
    var held: array<vec4h, ${held}>;
    for (var n = 0u; n < ${held}; n++) {
      let r = (lane + n * THREADS) / TILE_QUADS;
      let quad = depth + (lane + n * THREADS) % TILE_QUADS;
      held[n] = vec4h(${value});
    }
    return held;
  }

  fn store_${name}(lane: u32, held: array<vec4h, ${held}>) {
    for (var n = 0u; n < ${held}; n++) {
      let index = lane + n * THREADS;
      ${name}_tile[index / TILE_QUADS * TILE_PITCH + index % TILE_QUADS] = held[n];
    }
  }`;

/** Two lanes share a row of a block, eight columns each. */
const finishBlock = (gated: boolean) => wgsl`
  fn finish_block(lane: u32, first_row: u32, first_column: u32) {
    let row = first_row + lane % 32u / 2u;
    if (row >= row_count()) {
      return;
    }
    for (var n = 8u * (lane % 2u); n < 8u * (lane % 2u) + 8u; n++) {
      if (first_column + n < OUT_WIDTH) {
        let at = lane / 2u * SCRATCH_PITCH + n / 4u;
        finish(row, first_column + n, scratch[at][n % 4u]${gated ? ', gate_scratch[at][n % 4u]' : ''});
      }
    }
  }`;
