import type { MemoryKeysPlan, QueryHeadsPlan } from '../../../plan/heads/kernel-plan.ts';
import { buffer, floats, type KernelSource, sequencesBinding, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { headParts } from './head.ts';

/** One workgroup per row and head. */
export function queryHeads(plan: QueryHeadsPlan): KernelSource {
  const head = headParts(plan);
  const position = plan.rotation
    ? wgsl`
        let sequence = sequences[row / step.tokens];
        let position = sequence.past + row % step.tokens;`
    : 'let position = 0u;';
  const steps = [plan.rotation && 'rotate', plan.norms.length > 0 && 'normalise'].filter(Boolean);
  return {
    doc: `y = ${steps.join(' ∘ ') || 'copy'} (x), head by head`,
    enables: enablesFor(plan.y),
    constants: { HEADS: u32c(plan.heads), ...head.constants },
    bindings: [
      floats('x'),
      ...head.bindings,
      buffer('y', plan.y, 'read_write'),
      ...(plan.rotation ? [sequencesBinding, stepBinding] : []),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: head.functions,
    body: wgsl`
      let row = group.x;
      let head_index = group.y;
      let first = (row * HEADS + head_index) * HEAD_DIM;
      ${position}
      ${head.load('x[first + e]')}
      for (var e = lane; e < HEAD_DIM; e += THREADS) {
        y[first + e] = ${plan.y === 'f16' ? 'f16(finished(e, position, head_index))' : 'finished(e, position, head_index)'};
      }`,
  };
}

/** One workgroup per slot and KV head; the heads are the outer axis here. */
export function memoryKeys(plan: MemoryKeysPlan): KernelSource {
  const head = headParts(plan);
  return {
    doc: 'y = normalise (x) for memory keys [KV head, slot, entry]',
    enables: [],
    constants: { SLOTS: u32c(plan.slots), ...head.constants },
    bindings: [floats('x'), ...head.bindings, floats('y', 'read_write')],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: head.functions,
    body: wgsl`
      let head_index = group.y;
      let first = (head_index * SLOTS + group.x) * HEAD_DIM;
      ${head.load('x[first + e]')}
      for (var e = lane; e < HEAD_DIM; e += THREADS) {
        y[first + e] = finished(e, 0u, head_index);
      }`,
  };
}
