import type { CacheDtype, ShapedSpec } from '../compiler/check/shaped-spec.ts';
import { arithmeticOf } from '../compiler/facts/kernel-flops.ts';
import { cachedHeads } from '../compiler/ir/head-class.ts';
import { nodesOf, type PlannedDispatch } from '../compiler/plan/planned.ts';
import type { ProgramPlan } from '../compiler/plan/program.ts';
import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import type { Difference } from './compare.ts';
import type { NodeError } from './node-runner.ts';
import {
  callTolerances,
  halfOutputTolerance,
  halfProductsTolerance,
  kernelTolerances,
  storeTolerances,
} from './tolerances.ts';

/** What one node's results may differ by, by the arithmetic that the program has for it and how they are stored. */
export function allowedOfNode(
  { node, tensor }: Pick<NodeError, 'node' | 'tensor'>,
  { buffers }: ModuleDefinition,
  { prefill, decode }: ProgramPlan,
): Difference {
  if (node.op === 'append') return storeTolerances[node.cacheDtype];
  const own = [...prefill, ...decode].filter((dispatch) => nodesOf(dispatch).includes(node));
  if (own.some(multipliesHalves)) return halfProductsTolerance;
  const isRounded = buffers.some(({ name, dtype }) => name === tensor && dtype === 'f16');
  const isHandedOn = own.some(({ halves }) => halves?.includes(tensor));
  return isRounded || isHandedOn ? halfOutputTolerance : kernelTolerances[node.op];
}

/** What whole calls may differ by: the coarsest storage or arithmetic on the way rounds what comes after it. */
export function allowedOfCalls({ layers }: ShapedSpec, { prefill, decode }: ProgramPlan): Difference {
  const found = new Set<CacheDtype>(
    layers.flatMap(({ attention }) => [
      ...cachedHeads(attention).map(({ dtype }) => dtype),
      ...(attention.activations === undefined ? [] : [attention.activations]),
    ]),
  );
  if ([...prefill, ...decode].some(multipliesHalves)) found.add('f16');
  return callTolerances[(['int8', 'f16'] as const).find((dtype) => found.has(dtype)) ?? 'f32'];
}

const multipliesHalves = ({ plan }: PlannedDispatch) => arithmeticOf(plan) !== 'f32';
