import type { Enable } from './kernel.ts';
import { wgsl } from './wgsl.ts';

/** Edge of the block that a subgroup matrix holds. */
export const edge = 16;

/** What a kernel with subgroup matrices needs. */
export const matrixEnables: readonly Enable[] = ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'];

export const matrixTypes = wgsl`
  /** Blocks of 16 × 16: two operands of a product, and the sums that it is added to. */
  alias Left = subgroup_matrix_left<f16, 16, 16>;
  alias Right = subgroup_matrix_right<f16, 16, 16>;
  alias Sums = subgroup_matrix_result<f32, 16, 16>;`;
