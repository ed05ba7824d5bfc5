import type { HeadInputsPlan } from '../../../plan/heads/kernel-plan.ts';
import { floats, type KernelSource, u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';

/** One invocation per entry of a head's copy. */
export function headInputs({ heads, width, threads, workgroup }: HeadInputsPlan): KernelSource {
  return {
    doc: 'y[head] = x + edit[head]: a copy of the row for each head, as it was edited',
    enables: [],
    constants: { HEADS: u32c(heads), WIDTH: u32c(width) },
    bindings: [floats('x'), floats('edit'), floats('y', 'read_write')],
    workgroupArrays: workgroup,
    workgroupSize: threads,
    functions: [],
    body: wgsl`
      let entry = group.z * ${threads}u + lane;
      if (entry >= WIDTH) {
        return;
      }
      let at = (group.x * HEADS + group.y) * WIDTH + entry;
      y[at] = x[group.x * WIDTH + entry] + edit[at];`,
  };
}
