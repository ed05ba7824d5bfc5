import type { AttentionCombinePlan } from '../../plan/kernel-plan.ts';
import { f32c, type KernelSource, stepBinding, u32c } from '../kernel.ts';
import { quads, rowStorer, rowsOutBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';

/** One workgroup per query head and sequence. */
export function attentionCombine(plan: AttentionCombinePlan): KernelSource {
  return {
    doc: 'Joins the chunks that attention_split left: each is weighted by exp2 of its maximum less the largest one.',
    enables: [],
    constants: {
      Q_HEADS: u32c(plan.qHeads),
      VALUE_QUADS: u32c(quads(plan.valueDim)),
      THREADS: u32c(plan.threads),
      CHUNK: u32c(plan.chunk),
      PREFIX_COLUMNS: u32c(plan.prefixColumns),
      MASKED: f32c(-3e38),
    },
    bindings: [
      { name: 'partial_outputs', access: 'read', type: 'array<vec4f>' },
      { name: 'partial_sums', access: 'read', type: 'array<vec2f>' },
      rowsOutBinding('out', plan.valueDim),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [rowStorer('out', plan.valueDim)],
    body: wgsl`
      let row = group.y * Q_HEADS + group.x;
      let chunks = (PREFIX_COLUMNS + step.keys + CHUNK - 1u) / CHUNK;
      let first = row * chunks;
      var maximum = MASKED;
      for (var chunk = 0u; chunk < chunks; chunk++) {
        maximum = max(maximum, partial_sums[first + chunk].x);
      }
      for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
        var sum = 0.0;
        var output = vec4f(0);
        for (var chunk = 0u; chunk < chunks; chunk++) {
          let partial = partial_sums[first + chunk];
          let weight = exp2(partial.x - maximum);
          sum += partial.y * weight;
          output += partial_outputs[(first + chunk) * VALUE_QUADS + quad] * weight;
        }
        store_out(row, quad, output * select(0.0, 1.0 / sum, sum > 0.0));
      }`,
  };
}
