import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { edge } from '../../subgroup-matrix.ts';
import { repeat } from '../../wgsl.ts';

/** Blocks are written out one by one: matrices in arrays would not stay in registers. */
type OfBlock = (index: number) => string;

export const rowBlocks = (plan: AttentionMatrixPlan, text: OfBlock): string => repeat(plan.rowBlocks, text);
export const keyBlocks = (plan: AttentionMatrixPlan, text: OfBlock): string => repeat(plan.tileKeys / edge, text);
export const headBlocks = (plan: AttentionMatrixPlan, text: OfBlock): string =>
  repeat(Math.ceil(plan.headDim / edge), text);
export const valueBlocks = (plan: AttentionMatrixPlan, text: OfBlock): string =>
  repeat(Math.ceil(plan.valueDim / edge), text);
