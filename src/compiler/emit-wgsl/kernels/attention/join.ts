import { hiddenScore } from '../../../ir/hidden-score.ts';
import type { AttentionJoinPlan } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { f32c, floats, type KernelSource, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor, rowStorer, rowsOutBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { lowestLogit } from './attention.ts';
import { partialBindings } from './partials.ts';

/** One lane for each quad of a row; the grid is as deep as there are parts. */
export function attentionJoin({ qHeads, valueDim, out, sinks, threads, workgroup }: AttentionJoinPlan): KernelSource {
  return {
    doc: 'Joins the parts that attention_matrix left of each row: each is weighted by exp2 of its reference less the largest one.',
    enables: enablesFor(out),
    constants: {
      Q_HEADS: u32c(qHeads),
      VALUE_QUADS: u32c(quads(valueDim)),
      THREADS: u32c(threads),
      MASKED: f32c(hiddenScore),
      LOWEST: f32c(lowestLogit),
      ...(sinks && { LOG2E: f32c(Math.LOG2E) }),
    },
    bindings: [
      ...partialBindings('read'),
      ...(sinks ? [floats('sinks')] : []),
      rowsOutBinding('out', valueDim, out),
      stepBinding,
    ],
    workgroupArrays: workgroup,
    workgroupSize: threads,
    functions: [rowStorer('out', valueDim, out)],
    body: wgsl`
      let parts = groups.z;
      let index = (group.x * parts + group.z) * THREADS + lane;
      let row = index / VALUE_QUADS;
      let quad = index % VALUE_QUADS;
      if (row >= step.batch * step.tokens * Q_HEADS) {
        return;
      }
      var reference = ${sinks ? 'sinks[row % Q_HEADS] * LOG2E' : 'MASKED'};
      for (var part = 0u; part < parts; part++) {
        reference = max(reference, partial_sums[row * parts + part].x);
      }
      reference = max(reference, LOWEST);
      var sum = ${sinks ? 'exp2(sinks[row % Q_HEADS] * LOG2E - reference)' : '0.0'};
      var value = vec4f(0);
      for (var part = 0u; part < parts; part++) {
        let partial = partial_sums[row * parts + part];
        let weight = exp2(partial.x - reference);
        sum += weight * partial.y;
        value += weight * partial_outputs[(row * parts + part) * VALUE_QUADS + quad];
      }
      store_out(row, quad, value * select(0.0, 1.0 / sum, sum > 0.0));`,
  };
}
