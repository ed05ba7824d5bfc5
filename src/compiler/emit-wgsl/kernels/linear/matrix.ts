import type { LinearMatrixPlan } from '../../../plan/linear/kernel-plan.ts';
import type { MatrixStorage } from '../../../plan/plan-base.ts';
import { type KernelSource, u32c } from '../../kernel.ts';
import type { HalvesParts } from '../../quantized.ts';
import { edge, matrixEnables, matrixTypes } from '../../subgroup-matrix.ts';
import { type WeightParts, weightParts } from '../../weights.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { isGated, linearParts, type MatrixAccess } from './linear.ts';

/** Of 16 bytes, that a block of sums takes. */
const blockVectors = (edge * edge) / 4;

/**
 * Products of 16 × 16 blocks by subgroup matrices: f16 entries, f32 sums. Blocks and what a lane fetches are written out, as
 * matrices in arrays would not stay in registers.
 */
export function linearMatrix(plan: LinearMatrixPlan): KernelSource {
  const gated = isGated(plan);
  const { rowBlocks, columnBlocks, tileDepth, threads } = plan;
  const matrices = gated ? ['weight', 'gate'] : ['weight'];
  const blocksOf = (rows: number) => (rows * tileDepth) / 8 / threads;
  const weightBlocks = fetchedBlocks(plan.weight, blocksOf(plan.tileColumns));
  const operandOf = (name: string) =>
    name === 'x' ? weightParts(name, plan.x, 2) : weightParts(name, plan.weight, weightBlocks === 1 ? 2 : 4);
  const halves = (name: string) => operandOf(name).halves;
  const shared = linearParts(plan, (name) => unwritten(operandOf(name)), unwritten(operandOf('x')));
  const sumOf = (matrix: string, r: number, c: number) => `${matrix === 'gate' ? 'gate_' : ''}sum${r}_${c}`;
  const perBlock = (text: (r: number, c: number) => string) =>
    repeat(rowBlocks, (r) => repeat(columnBlocks, (c) => text(r, c)));
  const perMatrix = (text: (matrix: string) => string) => matrices.map(text).join('\n');
  const operands = [
    { name: 'x', first: 'first_row', count: blocksOf(plan.tileRows) },
    ...matrices.map((name) => ({
      name,
      first: 'first_column',
      count: blocksOf(plan.tileColumns) / weightBlocks,
    })),
  ];
  const blocksFetched = (name: string) => (name === 'x' ? 1 : weightBlocks);
  const perLoad = (text: (name: string, index: string, first: string, n: number) => string) =>
    operands
      .map(({ name, first, count }) =>
        repeat(count, (n) => text(name, n === 0 ? 'lane' : `lane + ${n * threads}u`, first, n)),
      )
      .join('\n');
  const multiply = (step: number) => wgsl`
    // Entries ${step * edge} to ${step * edge + edge - 1} of the tiles.
    {
      ${repeat(rowBlocks, (r) => `let x${r} = subgroupMatrixLoad<Left, row_major>(&x_tile, (subgroup_row + ${r * edge}u) * TILE_PITCH + ${2 * step}u, TILE_PITCH);`)}
      ${repeat(columnBlocks, (c) => perMatrix((matrix) => multiplyColumns(matrix, c, step)))}
    }`;
  const multiplyColumns = (matrix: string, c: number, step: number) => wgsl`
    let ${matrix}${c} = subgroupMatrixLoad<Right, col_major>(&${matrix}_tile, (subgroup_column + ${c * edge}u) * TILE_PITCH + ${2 * step}u, TILE_PITCH);
    ${repeat(rowBlocks, (r) => `${sumOf(matrix, r, c)} = subgroupMatrixMultiplyAccumulate(x${r}, ${matrix}${c}, ${sumOf(matrix, r, c)});`)}`;
  const at = (r: number, c: number) => `y_at + ${r * edge}u * OUT_WIDTH + ${c * edge}u`;
  const writeMatrices = wgsl`
    if (is_whole) {
      ${perBlock((r, c) => `subgroupMatrixStore<row_major>(&y, ${at(r, c)}, ${sumOf('weight', r, c)}, OUT_WIDTH);`)}
      return;
    }`;
  const readMatrices = wgsl`
    if (is_whole) {
      ${perBlock((r, c) => `${sumOf('weight', r, c)} = subgroupMatrixLoad<Sums, row_major>(&y, ${at(r, c)}, OUT_WIDTH);`)}
    }`;
  const shareBlock = (matrix: string, index: number, r: number, c: number) =>
    `subgroupMatrixStore<row_major>(&x_tile, own_blocks + ${index * blockVectors}u, ${sumOf(matrix, r, c)}, 4u);`;
  const writeEntries = (r: number, c: number) => wgsl`
    {
      workgroupBarrier();
      ${matrices.map((matrix, index) => shareBlock(matrix, index, r, c)).join('\n')}
      workgroupBarrier();
      finish_entries(lane, row + ${r * edge}u, column + ${c * edge}u);
    }`;
  return {
    ...shared,
    doc: `${shared.doc}\nA workgroup makes ${plan.tileRows} rows × ${plan.tileColumns} columns, by subgroup matrices.`,
    enables: matrixEnables,
    constants: {
      ...shared.constants,
      IN_BLOCKS: u32c(plan.inWidth / 8, 'of eight entries'),
      OUT_WIDTH: u32c(plan.outWidth),
      TILE_ROWS: u32c(plan.tileRows),
      TILE_COLUMNS: u32c(plan.tileColumns),
      TILE_BLOCKS: u32c(tileDepth / 8, 'of a row of a tile'),
      TILE_PITCH: u32c(plan.tilePitch, 'blocks from one row to the next'),
      SUBGROUP_COLUMNS: u32c(plan.subgroupColumns),
      OWN_BLOCKS: u32c(matrices.length * blockVectors, 'of the memory that a subgroup has for sums'),
    },
    workgroupArrays: plan.workgroup,
    workgroupSize: threads,
    functions: [
      ...shared.functions,
      matrixTypes,
      tile('x', (row) => `row_of_x(min(first + ${row}, row_count() - 1u))`, halves('x')),
      ...matrices.map((name) => tile(name, (row) => `min(first + ${row}, OUT_WIDTH - 1u)`, halves(name))),
      sharedEntry,
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
      ${perMatrix((matrix) => perBlock((r, c) => `var ${sumOf(matrix, r, c)} = Sums();`))}
      ${plan.writesMatrices && plan.accumulate ? readMatrices : ''}

      // The next tiles are fetched into registers while these are multiplied.
      ${perLoad((name, index, first, n) => `let ${name}_at${n} = ${name}_at(${index}, ${first});`)}
      ${perLoad((name, _index, _first, n) => `var ${name}_held${n} = ${halves(name).fetch}(${name}_at${n});`)}
      for (var depth = 0u; depth < IN_BLOCKS; depth += TILE_BLOCKS) {
        workgroupBarrier();
        ${perLoad((name, index, _, n) => `store_${name}(${index}, ${name}_held${n});`)}
        workgroupBarrier();
        let next = min(depth + TILE_BLOCKS, IN_BLOCKS - TILE_BLOCKS);
        ${perLoad((name, _index, _first, n) => `${name}_held${n} = ${halves(name).fetch}(${name}_at${n} + next${blocksFetched(name) === 1 ? '' : ` / ${blocksFetched(name)}u`});`)}
        ${repeat(tileDepth / edge, multiply)}
      }

      ${plan.writesMatrices ? writeMatrices : ''}
      // Entry by entry: sums pass through the memory of x, a block of each subgroup at a time.
      let own_blocks = lane / 32u * OWN_BLOCKS;
      ${perBlock(writeEntries)}`,
  };
}

/** Of eight entries, that a lane fetches at a time: eight bytes of integers. */
const fetchedBlocks = (storage: MatrixStorage, blocks: number): 1 | 2 =>
  typeof storage === 'object' && storage.dtype === 'int4' && blocks % 2 === 0 ? 2 : 1;

/** Nothing is written: drivers that check every access read what may be written faster than what may not, by a fifth. */
const unwritten = ({ binding, halves }: WeightParts): MatrixAccess => ({
  binding: { ...binding, access: 'read_write' },
  functions: halves.functions,
});

function tile(name: string, row: (row: string) => string, { ofFetched }: HalvesParts): string {
  const stored = ofFetched('held');
  const blocks = stored.length;
  const [ofRow, ofTile] =
    blocks === 1 ? ['IN_BLOCKS', 'TILE_BLOCKS'] : [`IN_BLOCKS / ${blocks}u`, `(TILE_BLOCKS / ${blocks}u)`];
  const at = `index / ${ofTile} * TILE_PITCH + index % ${ofTile}${blocks === 1 ? '' : ` * ${blocks}u`}`;
  const store = stored.map((value, n) => `${name}_tile[${at}${n === 0 ? '' : ` + ${n}u`}] = ${value};`);
  return wgsl`
    /** Where a block of the tile is in memory; rows beyond the last repeat it. */
    fn ${name}_at(index: u32, first: u32) -> u32 {
      let row = ${row(`index / ${ofTile}`)};
      return row * ${blocks === 1 ? ofRow : `(${ofRow})`} + index % ${ofTile};
    }

    fn store_${name}(index: u32, held: vec4u) {
      ${store.join('\n')}
    }`;
}

const sharedEntry = wgsl`
  /** Sums pass through the memory of a tile that is no longer needed. */
  fn shared_entry(at: u32) -> f32 {
    return bitcast<f32>(x_tile[at / 4u][at % 4u]);
  }`;

const finishEntries = (gated: boolean) => wgsl`
  /** A lane has the entries of every other row of a block, in one column. */
  fn finish_entries(lane: u32, first_row: u32, first_column: u32) {
    let column = first_column + lane % 16u;
    for (var n = 0u; n < 8u; n++) {
      let row = first_row + 2u * n + lane % 32u / 16u;
      let at = lane / 32u * OWN_BLOCKS * 4u + lane % 32u + n * 32u;
      if (row < row_count() && column < OUT_WIDTH) {
        finish(row, column, shared_entry(at)${gated ? `, shared_entry(at + ${4 * blockVectors}u)` : ''});
      }
    }
  }`;
