import { expect, it } from 'vitest';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import type { Extent } from '../../src/runtime/abi1/definition.ts';
import { evaluateExtent } from '../../src/runtime/abi1/extents.ts';

it.each<readonly [Extent, number]>([
  [['ceil', 128, ['*', 'B', 8]], 6],
  [['ceil', 'J', 512], 2],
  [['less', 'J', 'I'], 593],
  [['less', 'I', 'J'], 0],
  [['min', 1, ['less', ['ceil', 128, ['*', 'B', 64]], 1]], 0],
])('%j is %i in the planner and at run time', (extent, value) => {
  const call = { B: 3, I: 7, J: 600, C: 600, P: 0, L: 3, X: 0 };
  expect(extentAt(extent, call)).toBe(value);
  expect(evaluateExtent(extent, call)).toBe(value);
});
