import type { LinearNode } from '../ir/nodes.ts';
import { quads } from './extents.ts';
import type { LinearMatrixPlan, LinearRowPlan, LinearTilePlan } from './kernel-plan.ts';
import type { MatrixStorage } from './plan-base.ts';
import { defaultLimits, type ProductSchedule, type RowSchedule, type TargetProfile } from './profiles.ts';
import { blocks, floats, vectors } from './workgroup-memory.ts';

function linearOptions(node: LinearNode, weight: MatrixStorage) {
  const { inputHeads = 1, inWidth, outWidth, accumulate, logits, gate, clip, scale, softcap } = node;
  return {
    inputHeads,
    inWidth,
    outWidth,
    weight,
    bias: node.bias !== undefined,
    gate: gate === undefined ? 'none' : gate.bias === undefined ? 'plain' : 'biased',
    activation: node.activation ?? 'none',
    ...(clip !== undefined && { clip }),
    ...(scale !== undefined && { scale }),
    ...(softcap !== undefined && { softcap }),
    accumulate,
    logits,
  } as const;
}

/** 128 invocations of 4 × 4 results; a gate doubles the weights, so its tiles are half as deep. */
export function planLinearTile(node: LinearNode, weight: MatrixStorage): LinearTilePlan {
  const options = linearOptions(node, weight);
  const tileRows = 32;
  const tileColumns = 64;
  const tileDepth = options.gate === 'none' ? 32 : 16;
  const tilePitch = tileDepth / 4 + 1;
  const weights = options.gate === 'none' ? ['weight_tile'] : ['weight_tile', 'gate_tile'];
  return {
    stage: 'linear_tile',
    ...options,
    tileRows,
    tileColumns,
    tileDepth,
    tilePitch,
    threads: (tileRows / 4) * (tileColumns / 4),
    workgroup: [
      vectors('x_tile', tileRows * tilePitch),
      ...weights.map((name) => vectors(name, tileColumns * tilePitch)),
    ],
  };
}

const wideProducts: readonly ProductSchedule[] = [
  { subgroupRows: 2, subgroupColumns: 4, rowBlocks: 4, columnBlocks: 2, tileDepth: 64 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 4, tileDepth: 32 },
];

/** Few columns make few workgroups: these are smaller. */
const narrowProducts: readonly ProductSchedule[] = [
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 2, tileDepth: 64 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 2, tileDepth: 32 },
];

/** What `gqac tune` tries. */
export const productCandidates: readonly ProductSchedule[] = [
  ...wideProducts,
  ...narrowProducts,
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 2, tileDepth: 32 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 4, tileDepth: 32 },
];

export const rowCandidates: readonly RowSchedule[] = [
  { lanes: 128, reads: 4 },
  { lanes: 64, reads: 4 },
  { lanes: 32, reads: 4 },
];

/** Undefined where subgroup matrices cannot serve: weights of f32 or bf16, an input for each head, or a width that is cut into parts. */
export function planLinearMatrix(
  node: LinearNode,
  weight: MatrixStorage,
  { subgroupMatrix, schedules }: TargetProfile,
): LinearMatrixPlan | undefined {
  const options = linearOptions(node, weight);
  const isConverted = weight === 'f16' || typeof weight === 'object';
  if (!subgroupMatrix || !isConverted || options.inputHeads > 1) return undefined;
  const own = options.outWidth > 1024 ? wideProducts : narrowProducts;
  const schedule = [...(schedules?.linear_matrix ?? []), ...own].find(
    ({ tileDepth }) => options.inWidth % tileDepth === 0,
  );
  return schedule && linearMatrixPlan(options, schedule);
}

/** With a gate half of a subgroup's blocks are the gate's. */
function linearMatrixPlan(options: ReturnType<typeof linearOptions>, schedule: ProductSchedule): LinearMatrixPlan {
  const { subgroupRows, subgroupColumns, rowBlocks, tileDepth } = schedule;
  const isGated = options.gate !== 'none';
  const columnBlocks = isGated ? schedule.columnBlocks / 2 : schedule.columnBlocks;
  const tileRows = subgroupRows * rowBlocks * 16;
  const tileColumns = subgroupColumns * columnBlocks * 16;
  // 8 halves more than needed, so that rows side by side lie in different banks.
  const tilePitch = tileDepth / 8 + 1;
  const subgroups = subgroupRows * subgroupColumns;
  const { bias, activation, clip, scale, softcap, outWidth } = options;
  const isPlain = !bias && !isGated && activation === 'none' && (clip ?? scale ?? softcap) === undefined;
  return {
    stage: 'linear_matrix',
    ...options,
    x: 'f32',
    y: 'f32',
    ...schedule,
    columnBlocks,
    tileRows,
    tileColumns,
    tilePitch,
    writesMatrices: isPlain && outWidth % 4 === 0 && outWidth >= tileColumns,
    threads: subgroups * 32,
    workgroup: [
      // Afterwards each subgroup has a block of sums in it, and one of the gate's.
      blocks('x_tile', Math.max(tileRows * tilePitch, subgroups * (isGated ? 2 : 1) * 64)),
      ...(isGated ? ['weight_tile', 'gate_tile'] : ['weight_tile']).map((name) =>
        blocks(name, tileColumns * tilePitch),
      ),
    ],
  };
}

/** Lanes side by side read neighbouring quads; each should have several, or folding costs more than summing. */
export function lanesFor(inQuads: number): number {
  const fitting = 2 ** Math.floor(Math.log2(Math.max(1, inQuads / 8)));
  return Math.min(32, Math.max(4, fitting));
}

/** With subgroups folding is cheap, and many lanes for few outputs keep more loads in flight: whole subgroups, of two blocks a lane or more. */
function rowLanes(
  blocks: number,
  blockQuads: number,
  threads: number,
  { subgroupSize, schedules }: TargetProfile,
): number {
  if (subgroupSize !== 32 || blocks < 32) return lanesFor(blocks * blockQuads);
  const [schedule] = schedules?.linear_row ?? [];
  if (schedule !== undefined) return schedule.lanes;
  return Math.min(threads, Math.max(32, 2 ** Math.floor(Math.log2(blocks / 2))));
}

/** Fewer lanes where there are so many outputs that their workgroups would be more than an axis of a dispatch has (Gemma: 262,144). */
function fewerForOutputs(lanes: number, outputs: number, threads: number): number {
  const workgroups = Math.ceil(outputs / (threads / lanes));
  return lanes > 1 && workgroups > defaultLimits.maxComputeWorkgroupsPerDimension
    ? fewerForOutputs(lanes / 2, outputs, threads)
    : lanes;
}

/** @param others what the kernel computes beside the product */
export function planLinearRow(
  node: LinearNode,
  weight: MatrixStorage,
  profile: TargetProfile,
  others: Pick<LinearRowPlan, 'also' | 'norm'>,
): LinearRowPlan {
  const { also, norm } = others;
  const options = linearOptions(node, weight);
  const threads = 128;
  const inQuads = quads(options.inWidth);
  const blockQuads = weight !== 'f32' && inQuads % 2 === 0 ? 2 : 1;
  const blocks = inQuads / blockQuads;
  const outWidth = also.reduce((sum, product) => sum + product.outWidth, options.outWidth);
  const lanes = fewerForOutputs(rowLanes(blocks, blockQuads, threads, profile), outWidth, threads);
  const fold = profile.subgroupSize === 32 && lanes >= 32 ? 'subgroups' : 'workgroup';
  const sums = ['sum', ...(options.gate === 'none' ? [] : ['gate_sum']), ...(norm ? ['squares'] : [])];
  const partials = fold === 'workgroup' ? threads : lanes === 32 ? 0 : threads / 32;
  return {
    stage: 'linear_row',
    ...options,
    lanes,
    outputs: threads / lanes,
    blockQuads,
    reads: [profile.schedules?.linear_row?.[0]?.reads ?? 4, 4, 2].find((count) => blocks % (count * lanes) === 0) ?? 1,
    fold,
    ...others,
    threads,
    workgroup: partials === 0 ? [] : sums.map((name) => floats(`${name}_partials`, partials)),
  };
}
