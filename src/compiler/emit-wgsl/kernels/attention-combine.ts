import type { AttentionCombinePlan } from '../../plan/kernel-plan.ts';
import { foldOfLanes } from '../fold.ts';
import { f32c, type KernelSource, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import { quads, rowStorer, rowsOutBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { keepsVisibleTokens } from './attention.ts';
import { activityParts } from './attention-heads.ts';

/** One workgroup per query head and sequence. */
export function attentionCombine(plan: AttentionCombinePlan): KernelSource {
  const activity = activityParts(plan.active, plan.qHeads);
  return {
    doc: 'Joins the chunks that attention_split left: each is weighted by exp2 of its maximum less the largest one.',
    enables: [],
    constants: {
      Q_HEADS: u32c(plan.qHeads),
      VALUE_QUADS: u32c(quads(plan.valueDim)),
      THREADS: u32c(plan.threads),
      SLICES: u32c(Math.floor(plan.threads / quads(plan.valueDim))),
      CHUNK: u32c(plan.chunk),
      PREFIX_COLUMNS: u32c(plan.prefixColumns),
      MASKED: f32c(-3e38),
      ...(plan.sinks && { LOG2E: f32c(Math.LOG2E) }),
    },
    bindings: [
      { name: 'partial_outputs', access: 'read', type: 'array<vec4f>' },
      { name: 'partial_sums', access: 'read', type: 'array<vec2f>' },
      ...(plan.sinks ? [{ name: 'sinks', access: 'read', type: 'array<f32>' } as const] : []),
      ...(plan.zeroHidden ? [{ name: 'key_mask', access: 'read', type: 'array<u32>' } as const] : []),
      ...activity.bindings,
      rowsOutBinding('out', plan.valueDim),
      ...(plan.zeroHidden ? [sequencesBinding] : []),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...activity.functions,
      rowStorer('out', plan.valueDim),
      foldOfLanes('max_of', plan, 'max'),
      ...(plan.zeroHidden ? [keepsVisibleTokens] : []),
    ],
    body: wgsl`
      let row = group.y * Q_HEADS + group.x;
      ${plan.active === undefined ? '' : silentHead}
      let parts = ${plan.mostParts === undefined ? chunks : `min(${chunks}, ${plan.mostParts}u)`};
      let first = row * parts;
      var own_maximum = ${plan.sinks ? 'sinks[group.x] * LOG2E' : 'MASKED'};
      for (var part = lane; part < parts; part += THREADS) {
        own_maximum = max(own_maximum, partial_sums[first + part].x);
      }
      let maximum = max_of(lane, own_maximum);

      // Each slice of lanes takes every SLICES-th part.
      let slice = lane / VALUE_QUADS;
      let quad = lane % VALUE_QUADS;
      var sum = 0.0;
      var output = vec4f(0);
      if (slice < SLICES) {
        for (var part = slice; part < parts; part += SLICES) {
          let partial = partial_sums[first + part];
          let weight = exp2(partial.x - maximum);
          sum += partial.y * weight;
          output += partial_outputs[(first + part) * VALUE_QUADS + quad] * weight;
        }
        outputs[lane] = output;
        sums[slice] = sum;
      }
      workgroupBarrier();
      if (slice == 0u) {
        ${plan.sinks ? 'sum += exp2(sinks[group.x] * LOG2E - maximum);' : ''}
        for (var other = 1u; other < SLICES; other++) {
          sum += sums[other];
          output += outputs[other * VALUE_QUADS + quad];
        }
        store_out(row, quad, output * select(0.0, 1.0 / sum, sum > 0.0${plan.zeroHidden ? ' && keeps(group.y, sequences[group.y], 0u)' : ''}));
      }`,
  };
}

/** attention_split leaves nothing for a head that is not active. */
const silentHead = wgsl`
  if (!is_active(group.x)) {
    for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
      store_out(row, quad, vec4f(0));
    }
    return;
  }`;

const chunks = '(PREFIX_COLUMNS + step.keys + CHUNK - 1u) / CHUNK';
