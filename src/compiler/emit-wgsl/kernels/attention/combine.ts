import { hiddenScore } from '../../../ir/hidden-score.ts';
import type { AttentionCombinePlan, ColumnDeal } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { f32c, floats, type KernelSource, sequencesBinding, stepBinding, u32c, words } from '../../kernel.ts';
import { enablesFor, rowStorer, rowsOutBinding } from '../../storage.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { keepsVisibleTokens } from './attention.ts';
import { activityParts } from './heads.ts';
import { partialBindings } from './partials.ts';

/** Lanes of a subgroup. */
const subgroup = 32;

/** A workgroup joins `quadsAtOnce` quads of one query head of a token. */
export function attentionCombine(plan: AttentionCombinePlan): KernelSource {
  const { quadsAtOnce, usesSubgroups } = plan;
  const activity = activityParts(plan.active, plan.qHeads);
  const slices = Math.floor(plan.threads / quadsAtOnce);
  const reads = (text: (n: number) => string) => repeat(plan.reads, text);
  const largest = Array.from({ length: plan.reads }, (_, n) => `sums${n}.x`).reduce((a, b) => `max(${a}, ${b})`);
  return {
    doc: 'Joins what was left of the parts of each row: each is weighted by exp2 of its maximum less the largest one.',
    enables: [...enablesFor(plan.out), ...(usesSubgroups ? (['subgroups'] as const) : [])],
    constants: {
      Q_HEADS: u32c(plan.qHeads),
      VALUE_QUADS: u32c(quads(plan.valueDim)),
      ...(plan.active !== undefined && { THREADS: u32c(plan.threads) }),
      QUADS: u32c(quadsAtOnce, 'of a row, for a workgroup'),
      SLICES: u32c(slices, 'of lanes, which share the parts'),
      JOINED_SLICES: u32c(usesSubgroups ? plan.threads / subgroup : slices),
      READS: u32c(plan.reads, 'parts that a lane has in flight'),
      ...dealConstants(plan.deal),
      PREFIX_COLUMNS: u32c(plan.prefixColumns),
      MASKED: f32c(hiddenScore),
      ...(plan.sinks && { LOG2E: f32c(Math.LOG2E) }),
    },
    bindings: [
      ...partialBindings('read'),
      ...(plan.sinks ? [floats('sinks')] : []),
      ...(plan.zeroHidden ? [words('key_mask')] : []),
      ...activity.bindings,
      rowsOutBinding('out', plan.valueDim, plan.out),
      ...(plan.zeroHidden ? [sequencesBinding] : []),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...activity.functions,
      rowStorer('out', plan.valueDim, plan.out),
      ...(plan.zeroHidden ? [keepsVisibleTokens] : []),
    ],
    body: wgsl`
      let row = group.y * Q_HEADS + group.x;
      ${plan.active === undefined ? '' : silentHead}
      let columns = PREFIX_COLUMNS + ${plan.deal.reach === undefined ? 'step.keys' : 'min(step.keys, REACH)'};
      let parts = ${partsOf(plan.deal)};
      let first = row * parts;

      // Each slice of lanes takes every SLICES-th part; all reads of a turn are under way before the first is used.
      let slice = lane / QUADS;
      let quad = group.z * QUADS + lane % QUADS;
      var maximum = MASKED;
      var sum = 0.0;
      var output = vec4f(0);
      for (var part = slice; part < parts; part += SLICES * READS) {
        ${reads(readPart)}
        let raised = max(maximum, ${largest});
        let rescale = exp2(maximum - raised);
        maximum = raised;
        sum *= rescale;
        output *= rescale;
        ${reads(addPart)}
      }

      // Slices become one.
      ${usesSubgroups ? joinedBySubgroups(quadsAtOnce) : eachSlice}
      workgroupBarrier();
      if (slice == 0u) {
        var raised = ${plan.sinks ? 'sinks[group.x] * LOG2E' : 'MASKED'};
        for (var other = 0u; other < JOINED_SLICES; other++) {
          raised = max(raised, sums[other].x);
        }
        var total = ${plan.sinks ? 'exp2(sinks[group.x] * LOG2E - raised)' : '0.0'};
        var joined = vec4f(0);
        for (var other = 0u; other < JOINED_SLICES; other++) {
          let weight = exp2(sums[other].x - raised);
          total += sums[other].y * weight;
          joined += outputs[other * QUADS + lane] * weight;
        }
        store_out(row, quad, joined * select(0.0, 1.0 / total, total > 0.0${plan.zeroHidden ? ' && keeps(group.y, sequences[group.y], 0u)' : ''}));
      }`,
  };
}

/** What is left of lanes that do not make a whole slice is joined by none. */
const eachSlice = wgsl`
  outputs[lane] = output;
  sums[slice] = vec2f(maximum, sum);`;

/** Slices of a subgroup become one. */
function joinedBySubgroups(quadsAtOnce: number): string {
  const steps = [1, 2, 4, 8, 16].filter((apart) => apart >= quadsAtOnce);
  return wgsl`
    let shared_maximum = subgroupMax(maximum);
    let weight = exp2(maximum - shared_maximum);
    sum *= weight;
    output *= weight;
    ${steps.map((apart) => `sum += subgroupShuffleXor(sum, ${apart}u);\noutput += subgroupShuffleXor(output, ${apart}u);`).join('\n')}
    if (lane % 32u < QUADS) {
      outputs[lane / 32u * QUADS + lane % 32u] = output;
      sums[lane / 32u] = vec2f(shared_maximum, sum);
    }`;
}

/** Parts beyond the last one repeat it. */
const readPart = (n: number) => wgsl`
  let part${n} = first + min(part + ${n}u * SLICES, parts - 1u);
  let sums${n} = partial_sums[part${n}];
  let outputs${n} = partial_outputs[part${n} * VALUE_QUADS + quad];`;

const addPart = (n: number) => wgsl`
  let weight${n} = select(0.0, exp2(sums${n}.x - raised), part + ${n}u * SLICES < parts);
  sum += sums${n}.y * weight${n};
  output += outputs${n} * weight${n};`;

/** Nothing was left for a head that is not active. */
const silentHead = wgsl`
  if (!is_active(group.x)) {
    for (var quad = lane; quad < VALUE_QUADS; quad += THREADS) {
      store_out(row, quad, vec4f(0));
    }
    return;
  }`;

const dealConstants = ({ least, most, parts, reach }: ColumnDeal) => ({
  ...(most !== undefined && { MOST_COLUMNS: u32c(most) }),
  ...(least !== most && { LEAST_COLUMNS: u32c(least), MOST_PARTS: u32c(parts) }),
  ...(reach !== undefined && { REACH: u32c(reach) }),
});

function partsOf({ least, most }: ColumnDeal): string {
  const fewest = '(columns + MOST_COLUMNS - 1u) / MOST_COLUMNS';
  if (least === most) return fewest;
  const wished = 'min((columns + LEAST_COLUMNS - 1u) / LEAST_COLUMNS, (MOST_PARTS + step.batch - 1u) / step.batch)';
  return most === undefined ? wished : `max(${wished}, ${fewest})`;
}
