import { quads } from '../../../plan/extents.ts';
import type { HeadResultsPlan } from '../../../plan/heads/kernel-plan.ts';
import { floats, type KernelSource, u32c } from '../../kernel.ts';
import { enablesFor, loader, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';

/** One invocation per entry: what is asked for to be looked at need not be fast. */
export function headResults(plan: HeadResultsPlan): KernelSource {
  const { heads, valueDim, width, weight } = plan;
  return {
    doc: 'results[head] = z[head] · weightᵀ over the columns of the head: what each head adds to the output',
    enables: enablesFor(weight),
    constants: {
      HEADS: u32c(heads),
      VALUE_DIM: u32c(valueDim),
      WIDTH: u32c(width),
      WEIGHT_QUADS: u32c(quads(heads * valueDim)),
    },
    bindings: [floats('z'), vectorBinding('weight', weight), floats('results', 'read_write')],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: loader('weight', weight),
    body: wgsl`
      let row = group.x * HEADS + group.y;
      let output = group.z * ${plan.threads}u + lane;
      if (output >= WIDTH) {
        return;
      }
      var sum = 0.0;
      for (var e = 0u; e < VALUE_DIM; e++) {
        let column = group.y * VALUE_DIM + e;
        sum += z[row * VALUE_DIM + e] * load_weight(output * WEIGHT_QUADS + column / 4u)[column % 4u];
      }
      results[row * WIDTH + output] = sum;`,
  };
}
