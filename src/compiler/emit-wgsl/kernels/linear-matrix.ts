import type { LinearMatrixPlan } from '../../plan/kernel-plan.ts';
import type { MatrixStorage } from '../../plan/plan-base.ts';
import { type KernelSource, u32c } from '../kernel.ts';
import { weightParts } from '../weights.ts';
import { repeat, wgsl } from '../wgsl.ts';
import { linearParts, type MatrixAccess } from './linear.ts';

/** Edge of a block that a subgroup matrix holds. */
const edge = 16;

/**
 * Products of 16 × 16 blocks by subgroup matrices: f16 entries, f32 sums. Blocks and what a lane fetches are written out, as
 * matrices in arrays would not stay in registers.
 */
export function linearMatrix(plan: LinearMatrixPlan): KernelSource {
  const {
    gated,
    split: _,
    ...shared
  } = linearParts(plan, (name) => rowsOfHalves(name, plan.weight), rowsOfHalves('x', plan.x));
  const { rowBlocks, columnBlocks, tileDepth, threads } = plan;
  const matrices = gated ? ['weight', 'gate'] : ['weight'];
  const sumOf = (matrix: string, r: number, c: number) => `${matrix === 'gate' ? 'gate_' : ''}sum${r}_${c}`;
  const perBlock = (text: (r: number, c: number) => string) =>
    repeat(rowBlocks, (r) => repeat(columnBlocks, (c) => text(r, c)));
  const perMatrix = (text: (matrix: string) => string) => matrices.map(text).join('\n');
  const operands = [
    { name: 'x', first: 'first_row', count: (plan.tileRows * tileDepth) / 8 / threads },
    ...matrices.map((name) => ({ name, first: 'first_column', count: (plan.tileColumns * tileDepth) / 8 / threads })),
  ];
  const perLoad = (text: (name: string, index: string, first: string, n: number) => string) =>
    operands
      .map(({ name, first, count }) =>
        repeat(count, (n) => text(name, n === 0 ? 'lane' : `lane + ${n * threads}u`, first, n)),
      )
      .join('\n');
  const multiply = (step: number) => wgsl`
    {
      ${repeat(rowBlocks, (r) => `let x${r} = subgroupMatrixLoad<Left, row_major>(&x_tile, (subgroup_row + ${r * edge}u) * TILE_PITCH + ${4 * step}u, TILE_PITCH);`)}
      ${repeat(columnBlocks, (c) => perMatrix((matrix) => multiplyColumns(matrix, c, step)))}
    }`;
  const multiplyColumns = (matrix: string, c: number, step: number) => wgsl`
    let ${matrix}${c} = subgroupMatrixLoad<Right, col_major>(&${matrix}_tile, (subgroup_column + ${c * edge}u) * TILE_PITCH + ${4 * step}u, TILE_PITCH);
    ${repeat(rowBlocks, (r) => `${sumOf(matrix, r, c)} = subgroupMatrixMultiplyAccumulate(x${r}, ${matrix}${c}, ${sumOf(matrix, r, c)});`)}`;
  const at = (r: number, c: number) => `y_at + ${r * edge}u * OUT_WIDTH + ${c * edge}u`;
  const writeMatrices = wgsl`
    if (is_whole) {
      ${perBlock((r, c) => `subgroupMatrixStore<row_major>(&y, ${at(r, c)}, ${sumOf('weight', r, c)}, OUT_WIDTH);`)}
      return;
    }`;
  const readMatrices = wgsl`
    if (is_whole) {
      ${perBlock((r, c) => `${sumOf('weight', r, c)} = subgroupMatrixLoad<Result, row_major>(&y, ${at(r, c)}, OUT_WIDTH);`)}
    }`;
  const shareBlock = (matrix: string, r: number, c: number) => wgsl`
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&block, lane / 32u * BLOCK, ${sumOf(matrix, r, c)}, 16u);
    workgroupBarrier();`;
  const writeEntries = (r: number, c: number) => wgsl`
    {
      ${gated ? shareBlock('gate', r, c) : ''}
      ${gated ? 'let gates = own_entries(lane);' : ''}
      ${shareBlock('weight', r, c)}
      finish_entries(lane, row + ${r * edge}u, column + ${c * edge}u${gated ? ', gates' : ''});
    }`;
  return {
    ...shared,
    doc: `${shared.doc}\nA workgroup makes ${plan.tileRows} rows × ${plan.tileColumns} columns, by subgroup matrices.`,
    enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...shared.constants,
      IN_BLOCKS: u32c(plan.inWidth / 8),
      OUT_WIDTH: u32c(plan.outWidth),
      TILE_ROWS: u32c(plan.tileRows),
      TILE_COLUMNS: u32c(plan.tileColumns),
      TILE_BLOCKS: u32c(tileDepth / 8),
      TILE_PITCH: u32c(plan.tilePitch),
      SUBGROUP_COLUMNS: u32c(plan.subgroupColumns),
      BLOCK: u32c(edge * edge),
    },
    workgroupArrays: plan.workgroup,
    workgroupSize: threads,
    functions: [
      ...shared.functions,
      types,
      tile('x', 'row_of_x(min(first + index / TILE_BLOCKS, row_count() - 1u))'),
      ...matrices.map((name) => tile(name, 'min(first + index / TILE_BLOCKS, OUT_WIDTH - 1u)')),
      ...(gated ? [ownEntries] : []),
      finishEntries(gated),
    ],
    body: wgsl`
      let first_row = group.x * TILE_ROWS;
      let first_column = group.y * TILE_COLUMNS;
      let subgroup_row = lane / 32u / SUBGROUP_COLUMNS * ${rowBlocks * edge}u;
      let subgroup_column = lane / 32u % SUBGROUP_COLUMNS * ${columnBlocks * edge}u;
      let row = first_row + subgroup_row;
      let column = first_column + subgroup_column;
      ${plan.writesMatrices ? 'let y_at = row * OUT_WIDTH + column;\nlet is_whole = first_row + TILE_ROWS <= row_count() && first_column + TILE_COLUMNS <= OUT_WIDTH;' : ''}
      ${perMatrix((matrix) => perBlock((r, c) => `var ${sumOf(matrix, r, c)} = Result();`))}
      ${plan.writesMatrices && plan.accumulate ? readMatrices : ''}

      // The next tiles are fetched into registers while these are multiplied.
      ${perLoad((name, index, first, n) => `var ${name}_held${n} = fetch_${name}(${index}, ${first}, 0u);`)}
      for (var depth = 0u; depth < IN_BLOCKS; depth += TILE_BLOCKS) {
        workgroupBarrier();
        ${perLoad((name, index, _, n) => `store_${name}(${index}, ${name}_held${n});`)}
        workgroupBarrier();
        let next = min(depth + TILE_BLOCKS, IN_BLOCKS - TILE_BLOCKS);
        ${perLoad((name, index, first, n) => `${name}_held${n} = fetch_${name}(${index}, ${first}, next);`)}
        ${repeat(tileDepth / edge, multiply)}
      }

      ${plan.writesMatrices ? writeMatrices : ''}
      ${perBlock(writeEntries)}`,
  };
}

/** Nothing is written: drivers that check every access read what may be written faster than what may not, by a fifth. */
function rowsOfHalves(name: string, storage: MatrixStorage): MatrixAccess {
  const { binding, halves } = weightParts(name, storage, 2);
  return { binding: { ...binding, access: 'read_write' }, functions: halves };
}

const types = wgsl`
  alias Left = subgroup_matrix_left<f16, 16, 16>;
  alias Right = subgroup_matrix_right<f16, 16, 16>;
  alias Result = subgroup_matrix_result<f32, 16, 16>;`;

/** Eight entries of a row: fetched from memory, and stored where matrices are loaded from. Rows beyond the last repeat it. */
const tile = (name: string, row: string) => wgsl`
  fn fetch_${name}(index: u32, first: u32, depth: u32) -> vec4u {
    let row = ${row};
    return ${name}_halves(row * IN_BLOCKS + depth + index % TILE_BLOCKS);
  }

  fn store_${name}(index: u32, held: vec4u) {
    let at = index / TILE_BLOCKS * TILE_PITCH + index % TILE_BLOCKS * 2u;
    ${name}_tile[at] = bitcast<vec4h>(held.xy);
    ${name}_tile[at + 1u] = bitcast<vec4h>(held.zw);
  }`;

/** A lane has the entries of every other row of a block, in one column. */
const ownEntries = wgsl`
  fn own_entries(lane: u32) -> array<f32, 8> {
    var entries: array<f32, 8>;
    for (var n = 0u; n < 8u; n++) {
      entries[n] = block[lane / 32u * BLOCK + lane % 32u + n * 32u];
    }
    return entries;
  }`;

const finishEntries = (gated: boolean) => wgsl`
  fn finish_entries(lane: u32, first_row: u32, first_column: u32${gated ? ', gates: array<f32, 8>' : ''}) {
    let column = first_column + lane % 16u;
    for (var n = 0u; n < 8u; n++) {
      let row = first_row + 2u * n + lane % 32u / 16u;
      if (row < row_count() && column < OUT_WIDTH) {
        finish(row, column, block[lane / 32u * BLOCK + lane % 32u + n * 32u]${gated ? ', gates[n]' : ''});
      }
    }
  }`;
