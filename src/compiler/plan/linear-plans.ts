import type { LinearNode } from '../ir/nodes.ts';
import { quads } from './extents.ts';
import type { LinearMatrixPlan, LinearRowPlan, LinearTilePlan, MatrixStorage } from './kernel-plan.ts';
import { defaultLimits, type TargetProfile } from './profiles.ts';
import { floats, halfVectors, vectors } from './workgroup-memory.ts';

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

/** Undefined where subgroup matrices cannot serve: weights of f32 or bf16, an input for each head, or a width that is cut into parts. */
export function planLinearMatrix(
  node: LinearNode,
  weight: MatrixStorage,
  { subgroupMatrix }: TargetProfile,
): LinearMatrixPlan | undefined {
  const options = linearOptions(node, weight);
  const tileDepth = 32;
  const isConverted = weight === 'f16' || typeof weight === 'object';
  if (!subgroupMatrix || !isConverted || options.inputHeads > 1 || options.inWidth % tileDepth > 0) return undefined;
  const tileRows = 128;
  const tileColumns = 64;
  // 8 halves more than needed, so that rows side by side lie in different banks.
  const tilePitch = (tileDepth + 8) / 4;
  const gated = options.gate !== 'none';
  const weights = gated ? ['weight_tile', 'gate_tile'] : ['weight_tile'];
  const results = gated ? ['scratch', 'gate_scratch'] : ['scratch'];
  return {
    stage: 'linear_matrix',
    ...options,
    tileRows,
    tileColumns,
    tileDepth,
    rowBlocks: 2,
    tilePitch,
    threads: 128,
    workgroup: [
      halfVectors('x_tile', tileRows * tilePitch),
      ...weights.map((name) => halfVectors(name, tileColumns * tilePitch)),
      ...results.map((name) => vectors(name, (128 / 2) * 5)),
    ],
  };
}

/** Lanes side by side read neighbouring quads; each should have several, or folding costs more than summing. */
export function lanesFor(inQuads: number): number {
  const fitting = 2 ** Math.floor(Math.log2(Math.max(1, inQuads / 8)));
  return Math.min(32, Math.max(4, fitting));
}

/** Fewer lanes where there are so many outputs that their workgroups would be more than an axis of a dispatch has (Gemma: 262,144). */
function lanesForOutputs(inQuads: number, outputs: number, threads: number): number {
  let lanes = lanesFor(inQuads);
  while (lanes > 1 && Math.ceil(outputs / (threads / lanes)) > defaultLimits.maxComputeWorkgroupsPerDimension)
    lanes /= 2;
  return lanes;
}

export function planLinearRow(node: LinearNode, weight: MatrixStorage): LinearRowPlan {
  const options = linearOptions(node, weight);
  const threads = 128;
  const lanes = lanesForOutputs(quads(options.inWidth), options.outWidth, threads);
  const partials = options.gate === 'none' ? ['partials'] : ['partials', 'gate_partials'];
  return {
    stage: 'linear_row',
    ...options,
    lanes,
    outputs: threads / lanes,
    threads,
    workgroup: partials.map((name) => floats(name, threads)),
  };
}
