import type { QueryHeadsPlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { headParts } from './head.ts';

/** One workgroup per row and head. Without rotation a row may be anything with heads: a token, or a memory slot. */
export function queryHeads(plan: QueryHeadsPlan): KernelSource {
  const head = headParts(plan);
  const position = plan.rotation
    ? wgsl`
        let sequence = sequences[row / step.tokens];
        let position = sequence.past + row % step.tokens;`
    : 'let position = 0u;';
  return {
    doc: `y = ${[plan.rotation && 'rotate', plan.norm && 'normalise'].filter(Boolean).join(' ∘ ') || 'copy'} (x), head by head`,
    enables: [],
    constants: { HEADS: u32c(plan.heads), ...head.constants },
    bindings: [
      { name: 'x', access: 'read', type: 'array<f32>' },
      ...head.bindings,
      { name: 'y', access: 'read_write', type: 'array<f32>' },
      ...(plan.rotation ? [sequencesBinding, stepBinding] : []),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: head.functions,
    body: wgsl`
      let row = group.x;
      let first = (row * HEADS + group.y) * HEAD_DIM;
      ${position}
      ${head.load('x[first + e]')}
      for (var e = lane; e < HEAD_DIM; e += THREADS) {
        y[first + e] = finished(e, position);
      }`,
  };
}
