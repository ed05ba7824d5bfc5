import type { CacheDtype } from '../compiler/check/shaped-spec.ts';
import type { NodeOp } from '../compiler/ir/nodes.ts';
import type { Difference } from './compare.ts';

/**
 * The largest errors that are arithmetic and no fault, for kernels that get the reference's inputs rounded to f32. Correct
 * kernels measure 1e-7 to 6e-7 on the software adapter; a missing or wrong term gives 1e-2 and more.
 * Relative L2: f32 sums of a few thousand terms stay below 5e-6; attention adds the error of exp2 on logits of size 10 to 100,
 * which WGSL allows 3 + 2·|x| ULP. Rows: a single row of few entries may cancel.
 */
export const kernelTolerances: Readonly<Record<NodeOp, Difference>> = {
  embed: { relativeL2: 1e-6, worstRow: 1e-5 },
  norm: { relativeL2: 5e-6, worstRow: 1e-4 },
  linear: { relativeL2: 5e-6, worstRow: 1e-4 },
  route: { relativeL2: 5e-6, worstRow: 1e-4 },
  experts_up: { relativeL2: 5e-6, worstRow: 1e-4 },
  experts_down: { relativeL2: 5e-6, worstRow: 1e-4 },
  latent_heads: { relativeL2: 1e-6, worstRow: 1e-5 },
  latent_queries: { relativeL2: 5e-6, worstRow: 1e-4 },
  latent_values: { relativeL2: 5e-6, worstRow: 1e-4 },
  query_heads: { relativeL2: 5e-6, worstRow: 1e-4 },
  append: { relativeL2: 5e-6, worstRow: 1e-4 },
  memory_keys: { relativeL2: 5e-6, worstRow: 1e-4 },
  mix_values: { relativeL2: 5e-6, worstRow: 1e-4 },
  head_inputs: { relativeL2: 1e-6, worstRow: 1e-5 },
  head_results: { relativeL2: 5e-6, worstRow: 1e-4 },
  gate_heads: { relativeL2: 5e-6, worstRow: 1e-4 },
  attention: { relativeL2: 2e-5, worstRow: 1e-4 },
};

/**
 * New rows of a cache. A value halfway between two that can be stored may become either, and few are that close to the middle: a
 * step of f16 is 2^-10 of the value, one of int8 1/127 of the row's largest entry.
 */
export const storeTolerances: Readonly<Record<CacheDtype, Difference>> = {
  f32: kernelTolerances.append,
  f16: { relativeL2: 2e-4, worstRow: 1e-3 },
  int8: { relativeL2: 1e-3, worstRow: 1e-2 },
};

/** Kernels whose operands are rounded to f16, and some of their sums. Rows of few entries may cancel: they are allowed more than 5e-3. */
export const halfProductsTolerance: Difference = { relativeL2: 2e-3, worstRow: 2e-2 };

/** What is written as f16: each value within 2^-11 of what it is rounded from, on top of the kernel's own error. */
export const halfOutputTolerance: Difference = { relativeL2: 6e-4, worstRow: 1e-3 };

/** A whole call, errors accumulated, by the coarsest of what it stores and multiplies: the tolerances of the reference cases. */
export const callTolerances: Readonly<Record<CacheDtype, Difference>> = {
  f32: { relativeL2: 2e-5, worstRow: 1e-4 },
  f16: { relativeL2: 5e-3, worstRow: 2e-2 },
  int8: { relativeL2: 1e-2, worstRow: 5e-2 },
};

/** False for NaN too. */
export const isWithin = (error: Difference, tolerance: Difference): boolean =>
  error.relativeL2 <= tolerance.relativeL2 && error.worstRow <= tolerance.worstRow;
