import { quads } from '../../../plan/extents.ts';
import type { LinearTilePlan } from '../../../plan/linear/kernel-plan.ts';
import { type KernelSource, u32c } from '../../kernel.ts';
import { loader, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { hasInputHeads, isGated, linearParts } from './linear.ts';

/** Each invocation holds a 4 × 4 block of the output: rows `THREAD_ROWS` apart, columns `THREAD_COLUMNS` apart. */
export function linearTile(plan: LinearTilePlan): KernelSource {
  const [gated, split] = [isGated(plan), hasInputHeads(plan)];
  const shared = linearParts(plan, (name) => ({
    binding: vectorBinding(name, plan.weight),
    functions: loader(name, plan.weight),
  }));
  const threadRows = plan.tileRows / 4;
  const threadColumns = plan.tileColumns / 4;
  const ifGated = (text: string) => (gated ? text : '');
  return {
    ...shared,
    doc: `${shared.doc}\nA workgroup makes ${plan.tileRows} rows × ${plan.tileColumns} columns.`,
    constants: {
      ...shared.constants,
      IN_QUADS: u32c(quads(plan.inWidth)),
      OUT_WIDTH: u32c(plan.outWidth),
      ...(split && { HEAD_WIDTH: u32c(plan.outWidth / plan.inputHeads) }),
      TILE_ROWS: u32c(plan.tileRows),
      TILE_COLUMNS: u32c(plan.tileColumns),
      TILE_QUADS: u32c(plan.tileDepth / 4, 'of a row of a tile'),
      TILE_PITCH: u32c(plan.tilePitch, 'quads from one row to the next'),
      THREAD_ROWS: u32c(threadRows, 'apart are the four rows of an invocation'),
      THREAD_COLUMNS: u32c(threadColumns, 'apart are its four columns'),
      THREADS: u32c(plan.threads),
    },
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...shared.functions,
      loadXTile(split),
      loadTile('weight', 'TILE_COLUMNS', 'load_weight(min(first + r, OUT_WIDTH - 1u) * IN_QUADS + quad)'),
      ...(gated
        ? [loadTile('gate', 'TILE_COLUMNS', 'load_gate(min(first + r, OUT_WIDTH - 1u) * IN_QUADS + quad)')]
        : []),
      columnsOf('weight'),
      ...(gated ? [columnsOf('gate')] : []),
    ],
    body: wgsl`
      let first_column = ${split ? 'group.z * HEAD_WIDTH + ' : ''}group.y * TILE_COLUMNS;
      let first_row = group.x * TILE_ROWS;
      let column = lane % THREAD_COLUMNS;
      let row = lane / THREAD_COLUMNS;
      var sums: array<vec4f, 4>;
      ${ifGated('var gate_sums: array<vec4f, 4>;')}
      for (var depth = 0u; depth < IN_QUADS; depth += TILE_QUADS) {
        workgroupBarrier();
        load_x_tile(lane, first_row, ${split ? 'first_column, ' : ''}depth);
        load_weight_tile(lane, first_column, depth);
        ${ifGated('load_gate_tile(lane, first_column, depth);')}
        workgroupBarrier();
        for (var quad = 0u; quad < TILE_QUADS; quad++) {
          let columns = weight_columns(column, quad);
          ${ifGated('let gates = gate_columns(column, quad);')}
          for (var r = 0u; r < 4u; r++) {
            let entries = x_tile[(row + r * THREAD_ROWS) * TILE_PITCH + quad];
            sums[r] += entries * columns;
            ${ifGated('gate_sums[r] += entries * gates;')}
          }
        }
      }
      for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
          let y_row = first_row + row + r * THREAD_ROWS;
          let y_column = first_column + column + c * THREAD_COLUMNS;
          if (y_row < row_count() && y_column < ${split ? '(group.z + 1u) * HEAD_WIDTH' : 'OUT_WIDTH'}) {
            finish(y_row, y_column, sums[r][c]${ifGated(', gate_sums[r][c]')});
          }
        }
      }`,
  };
}

/** All columns of a workgroup belong to one head, where heads have inputs of their own. */
function loadXTile(split: boolean): string {
  const row = 'min(first + r, row_count() - 1u)';
  if (!split) return loadTile('x', 'TILE_ROWS', `load_x(row_of_x(${row}), quad)`);
  const parameters = 'lane: u32, first: u32, column: u32, depth: u32';
  return loadTile('x', 'TILE_ROWS', `load_x(row_of_x(${row}, column), quad)`, parameters);
}

function loadTile(name: string, rows: string, value: string, parameters = 'lane: u32, first: u32, depth: u32'): string {
  return wgsl`
    /** Rows beyond the last one repeat it: what they give is not written. */
    fn load_${name}_tile(${parameters}) {
      for (var index = lane; index < ${rows} * TILE_QUADS; index += THREADS) {
        let r = index / TILE_QUADS;
        let q = index % TILE_QUADS;
        let quad = depth + q;
        var entries = vec4f(0);
        if (quad < IN_QUADS) {
          entries = ${value};
        }
        ${name}_tile[r * TILE_PITCH + q] = entries;
      }
    }`;
}

function columnsOf(name: string): string {
  return wgsl`
    /** Four rows as the columns of a matrix: a row vector times it is four dot products. */
    fn ${name}_columns(column: u32, quad: u32) -> mat4x4f {
      return mat4x4f(
        ${name}_tile[column * TILE_PITCH + quad],
        ${name}_tile[(column + THREAD_COLUMNS) * TILE_PITCH + quad],
        ${name}_tile[(column + 2u * THREAD_COLUMNS) * TILE_PITCH + quad],
        ${name}_tile[(column + 3u * THREAD_COLUMNS) * TILE_PITCH + quad],
      );
    }`;
}
