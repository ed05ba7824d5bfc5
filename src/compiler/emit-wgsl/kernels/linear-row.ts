import type { LinearRowPlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, u32c } from '../kernel.ts';
import { quads } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { linearParts } from './linear.ts';

/** Neighbouring lanes read neighbouring quads of one weight row, so each row is streamed once from memory. */
export function linearRow(plan: LinearRowPlan): KernelSource {
  const { gated, split, ...shared } = linearParts(plan);
  const ifGated = (text: string) => (gated ? text : '');
  return {
    ...shared,
    doc: `${shared.doc}\nFor one row of x a workgroup makes ${plan.outputs} outputs, each summed by ${plan.lanes} lanes.`,
    constants: {
      ...shared.constants,
      IN_QUADS: u32c(quads(plan.inWidth)),
      OUT_WIDTH: u32c(plan.outWidth),
      LANES: u32c(plan.lanes),
      OUTPUTS: u32c(plan.outputs),
    },
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    body: wgsl`
      let row = group.y;
      let column = group.x * OUTPUTS + lane / LANES;
      let x_row = row_of_x(row${split ? ', min(column, OUT_WIDTH - 1u)' : ''});
      let first = min(column, OUT_WIDTH - 1u) * IN_QUADS;
      var sum = 0.0;
      ${ifGated('var gate_sum = 0.0;')}
      for (var quad = lane % LANES; quad < IN_QUADS; quad += LANES) {
        let entries = load_x(x_row, quad);
        sum += dot(entries, load_weight(first + quad));
        ${ifGated('gate_sum += dot(entries, load_gate(first + quad));')}
      }
      partials[lane] = sum;
      ${ifGated('gate_partials[lane] = gate_sum;')}
      workgroupBarrier();
      if (lane % LANES != 0u || column >= OUT_WIDTH) {
        return;
      }
      for (var other = 1u; other < LANES; other++) {
        sum += partials[lane + other];
        ${ifGated('gate_sum += gate_partials[lane + other];')}
      }
      finish(row, column, sum${ifGated(', gate_sum')});`,
  };
}
