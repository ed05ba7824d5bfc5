import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { edge } from '../../subgroup-matrix.ts';
import { wgsl } from '../../wgsl.ts';
import { headBlocks, keyBlocks, rowBlocks, valueBlocks } from './matrix-blocks.ts';

/** Scores of all rows of the subgroup and the keys of the tile. What is small is summed first: it would be lost beside the rest. */
export const multiplyKeys = (plan: AttentionMatrixPlan, rounding = plan.rounding): string =>
  keyBlocks(plan, (n) => {
    const add = (matrix: string, d: number) =>
      rowBlocks(
        plan,
        (b) => `scores${b} = subgroupMatrixMultiplyAccumulate(${matrix}${b}_${d}, keys${d}, scores${b});`,
      );
    return wgsl`
      // Scores of keys ${n * edge} to ${n * edge + edge - 1} of the tile.
      {
        ${rowBlocks(plan, (b) => `var scores${b} = Sums();`)}
        ${headBlocks(
          plan,
          (d) => wgsl`
            let keys${d} = subgroupMatrixLoad<Right, col_major>(&keys, ${n * edge}u * KEY_PITCH + ${4 * d}u, KEY_PITCH);
            ${rounding === 'split' ? add('rest', d) : add('query', d)}`,
        )}
        ${rounding === 'split' ? headBlocks(plan, (d) => add('query', d)) : ''}
        ${rowBlocks(plan, (b) => `subgroupMatrixStore<row_major>(&scores, scores_at + ${b * edge}u * SCORE_PITCH + ${4 * n}u, scores${b}, SCORE_PITCH);`)}
      }`;
  });

/** Adds what the values of the tile contribute. */
export const multiplyValues = (plan: AttentionMatrixPlan): string =>
  keyBlocks(
    plan,
    (n) => wgsl`
      // Outputs: what the values of keys ${n * edge} to ${n * edge + edge - 1} add.
      {
        ${rowBlocks(plan, (b) => `let weights${b} = subgroupMatrixLoad<Left, row_major>(&weights, weights_at + ${b * edge}u * WEIGHT_PITCH + ${4 * n}u, WEIGHT_PITCH);`)}
        ${valueBlocks(
          plan,
          (d) => wgsl`
            let values${d} = subgroupMatrixLoad<Right, row_major>(&values, ${n * edge}u * VALUE_PITCH + ${4 * d}u, VALUE_PITCH);
            ${rowBlocks(plan, (b) => `out${b}_${d} = subgroupMatrixMultiplyAccumulate(weights${b}, values${d}, out${b}_${d});`)}`,
        )}
      }`,
  );
