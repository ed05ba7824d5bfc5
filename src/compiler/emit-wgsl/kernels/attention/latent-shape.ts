import type { AttentionLatentPlan } from '../../../plan/attention/kernel-plan.ts';
import { edge } from '../../subgroup-matrix.ts';

export interface LatentShape extends AttentionLatentPlan {
  /** Blocks of 16 of a subgroup: rows that it has scores of, and the widths of its slices. */
  readonly ownRowBlocks: number;
  readonly headBlocks: number;
  readonly valueBlocks: number;
}

export function latentShape(plan: AttentionLatentPlan): LatentShape {
  const { headDim, valueDim, subgroups, headSlices, rowBlocks } = plan;
  return {
    ...plan,
    ownRowBlocks: (rowBlocks * headSlices) / subgroups,
    headBlocks: headDim / edge / headSlices,
    valueBlocks: valueDim / edge / subgroups,
  };
}

/** Lanes side by side that share a row of scores; where they are more than a tile has quads, the others repeat what they do. */
export const rowLanes = ({ threads, rowBlocks, tileKeys }: AttentionLatentPlan): number =>
  Math.min(threads / (rowBlocks * edge), tileKeys / 4);
