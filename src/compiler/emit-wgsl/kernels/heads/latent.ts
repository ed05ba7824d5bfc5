import { quads } from '../../../plan/extents.ts';
import type { LatentQueriesPlan, LatentValuesPlan } from '../../../plan/heads/kernel-plan.ts';
import { floats, type KernelSource, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor, loader, rowLoader, rowsBinding, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';

/** The rows of a head in the weight: those that make its keys, then those that make its values. */
const shared = ({ heads, rank, ownDim, valueDim, tokens, threads, weight }: LatentQueriesPlan | LatentValuesPlan) => ({
  enables: enablesFor(weight),
  constants: {
    HEADS: u32c(heads),
    RANK: u32c(rank),
    RANK_QUADS: u32c(quads(rank)),
    OWN_DIM: u32c(ownDim),
    HEAD_ROWS: u32c(ownDim + valueDim),
    TOKENS: u32c(tokens),
    THREADS: u32c(threads),
  },
});

/** LANES quads of one head and TOKENS tokens: invocations side by side read neighbouring quads of a weight row, in slices of the rows. */
export function latentQueries(plan: LatentQueriesPlan): KernelSource {
  const { enables, constants } = shared(plan);
  return {
    doc: 'y[head] = weightᵀ · the own entries of q[head], over the rows that make its keys; then the shared entries',
    enables,
    constants: {
      ...constants,
      SHARED_DIM: u32c(plan.sharedDim),
      LANES: u32c(plan.lanes),
      SLICES: u32c(plan.threads / plan.lanes),
    },
    bindings: [floats('q'), vectorBinding('weight', plan.weight), floats('y', 'read_write'), stepBinding],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: loader('weight', plan.weight),
    body: wgsl`
      let first = group.x * TOKENS;
      let head = group.y;
      let last = step.batch * step.tokens - 1u;
      for (var index = lane; index < TOKENS * OWN_DIM; index += THREADS) {
        let row = min(first + index / OWN_DIM, last) * HEADS + head;
        own[index] = q[row * (OWN_DIM + SHARED_DIM) + index % OWN_DIM];
      }
      workgroupBarrier();
      let slice = lane / LANES;
      let quad = group.z * LANES + lane % LANES;
      var sums = array<vec4f, TOKENS>();
      for (var e = slice; e < OWN_DIM; e += SLICES) {
        let weights = load_weight((head * HEAD_ROWS + e) * RANK_QUADS + min(quad, RANK_QUADS - 1u));
        for (var t = 0u; t < TOKENS; t++) {
          sums[t] += own[t * OWN_DIM + e] * weights;
        }
      }
      for (var t = 0u; t < TOKENS; t++) {
        partials[t * THREADS + lane] = sums[t];
      }
      workgroupBarrier();
      for (var t = slice; t < min(TOKENS, last + 1u - first); t += SLICES) {
        var sum = vec4f(0);
        for (var other = lane % LANES; other < THREADS; other += LANES) {
          sum += partials[t * THREADS + other];
        }
        let start = ((first + t) * HEADS + head) * (RANK + SHARED_DIM);
        for (var e = 4u * quad; e < min(4u * quad + 4u, RANK); e++) {
          y[start + e] = sum[e % 4u];
        }
      }
      for (var index = group.z * THREADS + lane; index < min(TOKENS, last + 1u - first) * SHARED_DIM; index += groups.z * THREADS) {
        let row = (first + index / SHARED_DIM) * HEADS + head;
        let e = index % SHARED_DIM;
        y[row * (RANK + SHARED_DIM) + RANK + e] = q[row * (OWN_DIM + SHARED_DIM) + OWN_DIM + e];
      }`,
  };
}

/** Some values of one head and TOKENS tokens: LANES invocations side by side sum one value, and their sums are folded. */
export function latentValues(plan: LatentValuesPlan): KernelSource {
  const { enables, constants } = shared(plan);
  return {
    doc: 'y[head] = weight · z[head], over the rows that make its values',
    enables,
    constants: {
      ...constants,
      VALUE_DIM: u32c(plan.valueDim),
      LANES: u32c(plan.lanes),
      OUTPUTS: u32c(plan.threads / plan.lanes),
    },
    bindings: [
      rowsBinding('z', plan.rank),
      vectorBinding('weight', plan.weight),
      floats('y', 'read_write'),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [rowLoader('z', plan.rank), ...loader('weight', plan.weight)],
    body: wgsl`
      let first = group.x * TOKENS;
      let head = group.y;
      let last = step.batch * step.tokens - 1u;
      for (var index = lane; index < TOKENS * RANK_QUADS; index += THREADS) {
        let row = min(first + index / RANK_QUADS, last) * HEADS + head;
        found[index] = load_z(row, index % RANK_QUADS);
      }
      workgroupBarrier();
      let part = lane % LANES;
      for (var start = group.z * OUTPUTS; start < VALUE_DIM; start += groups.z * OUTPUTS) {
        let e = start + lane / LANES;
        let weight_row = head * HEAD_ROWS + OWN_DIM + min(e, VALUE_DIM - 1u);
        var sums = array<f32, TOKENS>();
        for (var quad = part; quad < RANK_QUADS; quad += LANES) {
          let weights = load_weight(weight_row * RANK_QUADS + quad);
          for (var t = 0u; t < TOKENS; t++) {
            sums[t] += dot(found[t * RANK_QUADS + quad], weights);
          }
        }
        for (var t = 0u; t < TOKENS; t++) {
          partials[t * THREADS + lane] = sums[t];
        }
        workgroupBarrier();
        if (part == 0u && e < VALUE_DIM) {
          for (var t = 0u; t < min(TOKENS, last + 1u - first); t++) {
            var sum = 0.0;
            for (var other = 0u; other < LANES; other++) {
              sum += partials[t * THREADS + lane + other];
            }
            y[((first + t) * HEADS + head) * VALUE_DIM + e] = sum;
          }
        }
        workgroupBarrier();
      }`,
  };
}
