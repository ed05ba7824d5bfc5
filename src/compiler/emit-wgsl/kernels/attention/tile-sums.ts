import type { AttentionTilePlan } from '../../../plan/attention/kernel-plan.ts';
import { type Constant, f32c } from '../../kernel.ts';

/**
 * Sums of f16 in `attention_tile`, of every other entry of a query and a key each. What an addition loses grows with the sum: those of
 * large logits, which count most, stay small because they start below zero. Queries are not scaled before: limits in logits are
 * divided by the scale.
 */
export function sumConstants(plan: AttentionTilePlan): Readonly<Record<string, Constant>> {
  const { headDim, scale } = plan;
  const start = startOf(scale);
  const sums = 2 * Math.ceil(Math.ceil(headDim / 8) / sumVectors(plan));
  return {
    START: f32c(start, 'sums of f16 start so far below zero'),
    STARTS: f32c(sums * start, 'what that comes to in a score'),
    MOST_SUM: f32c(Math.min(2 ** 15, start + mostLogit / Math.abs(scale)), 'beyond it a sum is too coarse'),
  };
}

/**
 * Vectors of the width in a sum, whole slices. Lengths of narrow heads differ more, and with them their sums, but they leave registers
 * to add sums in f32 after 32 entries; wide ones add 128.
 */
export function sumVectors({ headDim, headSlice }: AttentionTilePlan): number {
  const most = headDim <= 80 ? 4 : 16;
  return headSlice * Math.max(1, Math.floor(most / headSlice));
}

/** About one logit below zero. A power of two that f16 has, so that scores make up for it exactly. */
const startOf = (scale: number): number => 2 ** Math.max(-14, Math.min(15, Math.floor(-Math.log2(Math.abs(scale)))));

/** What a sum may add to the start, times the scale: beyond, it is known too coarsely, and rows would be off by more than 5e-3. */
const mostLogit = 5.8;
