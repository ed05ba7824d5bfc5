import type { LinearNode } from '../../ir/nodes.ts';
import type { MatrixStorage } from '../plan-base.ts';
import type { ProductSchedule, TargetProfile } from '../profiles/profiles.ts';
import { blocks, vectors } from '../workgroup-memory.ts';
import type { LinearMatrixPlan, LinearTilePlan } from './kernel-plan.ts';

/** How a product is gated, as plans have it. */
export function gateKind(gate: LinearNode['gate']): 'none' | 'plain' | 'biased' {
  if (gate === undefined) return 'none';
  return gate.bias === undefined ? 'plain' : 'biased';
}

export function linearOptions(node: LinearNode, weight: MatrixStorage) {
  const { inputHeads = 1, inWidth, outWidth, accumulate, logits, gate, clip, scale, softcap } = node;
  return {
    inputHeads,
    inWidth,
    outWidth,
    weight,
    bias: node.bias !== undefined,
    gate: gateKind(gate),
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

/** Large tiles read least. */
const largeTiles: readonly ProductSchedule[] = [
  { subgroupRows: 2, subgroupColumns: 4, rowBlocks: 4, columnBlocks: 2, tileDepth: 64 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 4, tileDepth: 32 },
];

/** Small ones make more workgroups of few rows and columns. */
const smallTiles: readonly ProductSchedule[] = [
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 2, tileDepth: 128 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 2, tileDepth: 64 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 2, tileDepth: 32 },
];

/** What `gqac tune` tries. */
export const productCandidates: readonly ProductSchedule[] = [
  ...largeTiles,
  ...smallTiles,
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 2, tileDepth: 64 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 4, columnBlocks: 2, tileDepth: 32 },
  { subgroupRows: 2, subgroupColumns: 2, rowBlocks: 2, columnBlocks: 4, tileDepth: 32 },
];

/** Kernels for calls of many rows and of few. */
export interface LinearMatrixPlans {
  readonly large: LinearMatrixPlan;
  readonly small: LinearMatrixPlan;
}

/** Or why subgroup matrices, where the target has them, cannot serve. */
export function planLinearMatrix(
  node: LinearNode,
  weight: MatrixStorage,
  { subgroupMatrix, schedules }: TargetProfile,
): LinearMatrixPlans | { readonly reason: string } | undefined {
  if (!subgroupMatrix) return undefined;
  const options = linearOptions(node, weight);
  const isConverted = weight === 'f16' || typeof weight === 'object';
  if (!isConverted) return { reason: `weights are ${weight}, subgroup matrices take f16 and integers` };
  if (options.inputHeads > 1) return { reason: 'every head has an input of its own' };
  const fitting = (candidates: readonly ProductSchedule[]) =>
    candidates.find(({ tileDepth }) => options.inWidth % tileDepth === 0);
  const large = fitting([...(schedules?.linear_matrix ?? []), ...largeTiles]);
  const small = fitting(smallTiles);
  if (large === undefined || small === undefined)
    return { reason: `a width of ${options.inWidth} is no multiple of 32` };
  return { large: linearMatrixPlan(options, large), small: linearMatrixPlan(options, small) };
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
