import type { Arithmetic } from '../compiler/facts/devices.ts';
import { arithmeticOf } from '../compiler/facts/kernel-flops.ts';
import type { Node } from '../compiler/ir/nodes.ts';
import { usesOf } from '../compiler/ir/uses.ts';
import type { PlannedDispatch } from '../compiler/plan/planned.ts';
import { compareRows, type Difference } from '../verify/compare.ts';

/** How far two schedules may be apart: each of them by as much as its kernel may be from the exact result. */
const agreement: Readonly<Record<Arithmetic, Difference>> = {
  f32: { relativeL2: 4e-5, worstRow: 2e-4 },
  matrix: { relativeL2: 1e-3, worstRow: 2e-3 },
  f16: { relativeL2: 5e-3, worstRow: 1e-2 },
};

/** Where one of several kernels is of f16, what they give may be as far apart as that allows. */
export function allowedDifference(...programs: readonly (readonly PlannedDispatch[])[]): Difference {
  return programs
    .flat()
    .map(({ plan }) => agreement[arithmeticOf(plan)])
    .reduce((a, b) => (a.worstRow >= b.worstRow ? a : b), agreement.f32);
}

/** The largest difference of any tensor that the nodes write. */
export function differenceOf(
  nodes: readonly Node[],
  outputs: ReadonlyMap<string, Float32Array>,
  reference: ReadonlyMap<string, Float32Array>,
): Difference {
  const widths = new Map(nodes.flatMap(usesOf).map(({ tensor, width }) => [tensor, width]));
  const differences = [...reference].map(([name, values]) =>
    compareRows(outputs.get(name) ?? [], values, widths.get(name) ?? 1),
  );
  return {
    worstRow: Math.max(...differences.map(({ worstRow }) => worstRow)),
    relativeL2: Math.max(...differences.map(({ relativeL2 }) => relativeL2)),
  };
}
