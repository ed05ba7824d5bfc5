import type { LatentMatrixPlan } from '../../../plan/heads/kernel-plan.ts';
import type { HandedStorage } from '../../../plan/plan-base.ts';
import { buffer, type KernelSource, stepBinding, u32c } from '../../kernel.ts';
import { halvesOf, storer, vectorBinding } from '../../storage.ts';
import { edge, matrixEnables, matrixTypes } from '../../subgroup-matrix.ts';
import { repeat, wgsl } from '../../wgsl.ts';

/**
 * As `latent_queries` and `latent_values`, for many tokens, by subgroup matrices. Operands are staged eight f16 at a time; the next
 * are fetched into registers while these are multiplied.
 */
export function latentMatrix(plan: LatentMatrixPlan): KernelSource {
  const { tileTokens, tileColumns, tileDepth, threads, rowBlocks, columnBlocks } = plan;
  const operands = [
    { name: 'x', count: (tileTokens * tileDepth) / 8 / threads },
    { name: 'weight', count: (tileColumns * tileDepth) / 8 / threads },
  ];
  const perLoad = (text: (name: string, index: string, n: number) => string) =>
    operands
      .map(({ name, count }) => repeat(count, (n) => text(name, n === 0 ? 'lane' : `lane + ${n * threads}u`, n)))
      .join('\n');
  const perBlock = (text: (r: number, c: number) => string) =>
    repeat(rowBlocks, (r) => repeat(columnBlocks, (c) => text(r, c)));
  const isQueries = plan.product === 'queries';
  const multiply = (step: number) => wgsl`
    {
      ${repeat(rowBlocks, (r) => `let x${r} = subgroupMatrixLoad<Left, row_major>(&x_tile, (subgroup_row + ${r * edge}u) * X_PITCH + ${2 * step}u, X_PITCH);`)}
      ${repeat(
        columnBlocks,
        (c) => wgsl`
          let weight${c} = ${isQueries ? weightByRow(c, step) : weightByColumn(c, step)};
          ${repeat(rowBlocks, (r) => `sum${r}_${c} = subgroupMatrixMultiplyAccumulate(x${r}, weight${c}, sum${r}_${c});`)}`,
      )}
    }`;
  const write = (r: number, c: number) => wgsl`
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&x_tile, lane / 32u * 64u, sum${r}_${c}, 4u);
    workgroupBarrier();
    write(lane, first + subgroup_row + ${r * edge}u, head, (first_column + subgroup_column) / 4u + ${c * 4}u);`;
  return {
    doc: isQueries
      ? 'y[head] = weightᵀ · the own entries of q[head], over the rows that make its keys; then the shared entries'
      : 'y[head] = weight · z[head], over the rows that make its values',
    enables: matrixEnables,
    constants: {
      HEADS: u32c(plan.heads),
      HEAD_ROWS: u32c(plan.ownDim + plan.valueDim),
      FIRST_ROW: u32c(isQueries ? 0 : plan.ownDim),
      RANK_BLOCKS: u32c(plan.rank / 8),
      X_BLOCKS: u32c((isQueries ? plan.ownDim + plan.sharedDim : plan.rank) / 8),
      Y_QUADS: u32c((isQueries ? plan.rank + plan.sharedDim : plan.valueDim) / 4),
      DEPTH_BLOCKS: u32c((isQueries ? plan.ownDim : plan.rank) / 8),
      TILE_TOKENS: u32c(tileTokens),
      TILE_COLUMNS: u32c(tileColumns),
      TILE_BLOCKS: u32c(tileDepth / 8),
      X_PITCH: u32c(tileDepth / 8 + 1),
      WEIGHT_BLOCKS: u32c((isQueries ? tileColumns : tileDepth) / 8),
      WEIGHT_PITCH: u32c((isQueries ? tileColumns : tileDepth) / 8 + 1),
      SUBGROUP_COLUMNS: u32c(tileColumns / (columnBlocks * edge)),
      ...(isQueries && {
        THREADS: u32c(threads),
        OWN_QUADS: u32c(plan.ownDim / 4),
        RANK_QUADS: u32c(plan.rank / 4),
        SHARED_QUADS: u32c(plan.sharedDim / 4),
      }),
    },
    bindings: [
      // Nothing is written to these two: drivers that check every access read what may be written faster.
      buffer(isQueries ? 'q' : 'z', plan.x === 'f16' ? 'vec4u' : 'vec4f', 'read_write'),
      buffer('weight', 'vec4u', 'read_write'),
      vectorBinding('y', plan.y, 'read_write'),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: threads,
    functions: [
      matrixTypes,
      lastRow,
      xFunctions(isQueries ? 'q' : 'z', plan.x),
      weightFunctions(isQueries),
      storer('y', plan.y),
      writeBlock,
    ],
    body: wgsl`
      let first = group.x * TILE_TOKENS;
      let first_column = group.y * TILE_COLUMNS;
      let head = group.z;
      let subgroup_row = lane / 32u / SUBGROUP_COLUMNS * ${rowBlocks * edge}u;
      let subgroup_column = lane / 32u % SUBGROUP_COLUMNS * ${columnBlocks * edge}u;
      ${perBlock((r, c) => `var sum${r}_${c} = Sums();`)}
      ${perLoad((name, index, n) => `var ${name}${n}_held = ${name}_halves(${index}, ${name === 'x' ? 'first' : 'first_column'}, head, 0u);`)}
      for (var depth = 0u; depth < DEPTH_BLOCKS; depth += TILE_BLOCKS) {
        workgroupBarrier();
        ${perLoad((name, index, n) => `store_${name}(${index}, ${name}${n}_held);`)}
        workgroupBarrier();
        let next = min(depth + TILE_BLOCKS, DEPTH_BLOCKS - TILE_BLOCKS);
        ${perLoad((name, index, n) => `${name}${n}_held = ${name}_halves(${index}, ${name === 'x' ? 'first' : 'first_column'}, head, next);`)}
        ${repeat(tileDepth / edge, multiply)}
      }
      ${isQueries ? copyShared : ''}
      ${perBlock(write)}`,
  };
}

const lastRow = wgsl`
  fn last_row() -> u32 {
    return step.batch * step.tokens - 1u;
  }`;

/** Rows beyond the last repeat it: what they give is not written. */
const xFunctions = (name: string, storage: HandedStorage) => wgsl`
  fn x_halves(index: u32, first: u32, head: u32, depth: u32) -> vec4u {
    let row = min(first + index / TILE_BLOCKS, last_row()) * HEADS + head;
    let at = row * X_BLOCKS + depth + index % TILE_BLOCKS;
    return ${storage === 'f16' ? `${name}[at]` : halvesOf([`${name}[2u * at]`, `${name}[2u * at + 1u]`])};
  }

  fn store_x(index: u32, held: vec4u) {
    x_tile[index / TILE_BLOCKS * X_PITCH + index % TILE_BLOCKS] = held;
  }`;

/** A tile has rows of the weight: of queries these are its depth, of values its columns. */
const weightFunctions = (isQueries: boolean) => wgsl`
  fn weight_halves(index: u32, first_column: u32, head: u32, depth: u32) -> vec4u {
    let row = head * HEAD_ROWS + FIRST_ROW + ${isQueries ? 'depth * 8u' : 'first_column'} + index / WEIGHT_BLOCKS;
    return weight[row * RANK_BLOCKS + ${isQueries ? 'first_column / 8u' : 'depth'} + index % WEIGHT_BLOCKS];
  }

  fn store_weight(index: u32, held: vec4u) {
    weight_tile[index / WEIGHT_BLOCKS * WEIGHT_PITCH + index % WEIGHT_BLOCKS] = held;
  }`;

const weightByRow = (c: number, step: number) =>
  `subgroupMatrixLoad<Right, row_major>(&weight_tile, ${step * edge}u * WEIGHT_PITCH + subgroup_column / 8u + ${2 * c}u, WEIGHT_PITCH)`;

const weightByColumn = (c: number, step: number) =>
  `subgroupMatrixLoad<Right, col_major>(&weight_tile, (subgroup_column + ${c * edge}u) * WEIGHT_PITCH + ${2 * step}u, WEIGHT_PITCH)`;

/** Blocks of results pass through the memory of x: four lanes side by side write 16 entries of a row. */
const writeBlock = wgsl`
  fn write(lane: u32, first: u32, head: u32, first_quad: u32) {
    for (var n = 0u; n < 2u; n++) {
      let row = first + n * 8u + lane % 32u / 4u;
      if (row <= last_row()) {
        let at = lane / 32u * 64u + n * 32u + lane % 32u;
        store_y((row * HEADS + head) * Y_QUADS + first_quad + lane % 4u, bitcast<vec4f>(x_tile[at]));
      }
    }
  }`;

const copyShared = wgsl`
  if (group.y == 0u) {
    for (var index = lane; index < TILE_TOKENS * SHARED_QUADS; index += THREADS) {
      let token = first + index / SHARED_QUADS;
      let quad = index % SHARED_QUADS;
      if (token <= last_row()) {
        let row = token * HEADS + head;
        store_y(row * Y_QUADS + RANK_QUADS + quad, q[row * X_BLOCKS * 2u + OWN_QUADS + quad]);
      }
    }
  }`;
