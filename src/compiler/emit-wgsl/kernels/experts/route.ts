import type { RoutePlan } from '../../../plan/linear/kernel-plan.ts';
import { foldOfLanes } from '../../fold.ts';
import { f32c, floats, type KernelSource, u32c, words } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';

/**
 * One workgroup per token. An expert's rank is the number of those with a better score, of equal ones those before it: so
 * each expert finds its own place, and the choice does not depend on the order of the invocations.
 */
export function route(plan: RoutePlan): KernelSource {
  const { scoring, groups, correction } = plan;
  const corrected = correction ? 'scores[e] + correction[e]' : 'scores[e]';
  return {
    doc: `chosen = the ${plan.active} best of ${plan.experts} experts for each token, shares = their weights (${scoring})`,
    enables: [],
    constants: {
      EXPERTS: u32c(plan.experts),
      ACTIVE: u32c(plan.active),
      THREADS: u32c(plan.threads),
      ...(groups && {
        GROUPS: u32c(groups.count),
        ACTIVE_GROUPS: u32c(groups.active),
        GROUP_SIZE: u32c(plan.experts / groups.count),
        GROUP_TOP: u32c(groups.top),
      }),
      SCALE: f32c(plan.scale),
      LOG2E: f32c(Math.LOG2E),
      ...(scoring === 'softmax' && { LOWEST: f32c(-3.4e38) }),
    },
    bindings: [
      floats('logits'),
      ...(correction ? [floats('correction')] : []),
      words('chosen', 'read_write'),
      floats('shares', 'read_write'),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...(scoring === 'softmax'
        ? [foldOfLanes('max_of_lanes', plan, 'max'), foldOfLanes('sum_of_lanes', plan, 'sum')]
        : []),
      ...(groups ? [scoreOfGroup, rankOfGroup] : []),
      rankOfExpert,
      shareFunction(plan),
    ],
    body: wgsl`
      let row = group.x;
      for (var e = lane; e < EXPERTS; e += THREADS) {
        scores[e] = ${scoring === 'sigmoid' ? sigmoid('logits[row * EXPERTS + e]') : 'logits[row * EXPERTS + e]'};
      }
      ${scoring === 'softmax' ? softmax : ''}
      for (var e = lane; e < EXPERTS; e += THREADS) {
        choice[e] = ${corrected};
      }
      for (var slot = lane; slot < ACTIVE; slot += THREADS) {
        best[slot] = 0u;
      }
      workgroupBarrier();
      ${groups ? keepBestGroups : ''}
      for (var e = lane; e < EXPERTS; e += THREADS) {
        let rank = rank_of_expert(e);
        if (rank < ACTIVE) {
          best[rank] = e;
        }
      }
      workgroupBarrier();
      for (var slot = lane; slot < ACTIVE; slot += THREADS) {
        chosen[row * ACTIVE + slot] = best[slot];
        shares[row * ACTIVE + slot] = SCALE * share_of(slot);
      }`,
  };
}

const sigmoid = (x: string) => `1.0 / (1.0 + exp2(-max(${x}, -80.0) * LOG2E))`;

/** Each invocation reads and writes its own experts only, so the folds' barriers are enough; some have none. */
const softmax = wgsl`
  var own_max = LOWEST;
  for (var e = lane; e < EXPERTS; e += THREADS) {
    own_max = max(own_max, scores[e]);
  }
  let highest = max_of_lanes(lane, own_max);
  var own_sum = 0.0;
  for (var e = lane; e < EXPERTS; e += THREADS) {
    scores[e] = exp2((scores[e] - highest) * LOG2E);
    own_sum += scores[e];
  }
  let total = sum_of_lanes(lane, own_sum);
  for (var e = lane; e < EXPERTS; e += THREADS) {
    scores[e] /= total;
  }`;

/** Scores outside of the best groups count as 0. */
const keepBestGroups = wgsl`
  for (var g = lane; g < GROUPS; g += THREADS) {
    group_scores[g] = score_of_group(g);
  }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += THREADS) {
    if (rank_of_group(e / GROUP_SIZE) >= ACTIVE_GROUPS) {
      choice[e] = 0.0;
    }
  }
  workgroupBarrier();`;

const rankOf = (name: string, values: string, from: string, to: string) => wgsl`
  fn ${name}(own: u32) -> u32 {
    var rank = 0u;
    for (var other = ${from}; other < ${to}; other++) {
      let is_better = ${values}[other] > ${values}[own] || (${values}[other] == ${values}[own] && other < own);
      rank += select(0u, 1u, is_better);
    }
    return rank;
  }`;

const rankOfExpert = rankOf('rank_of_expert', 'choice', '0u', 'EXPERTS');
const rankOfGroup = rankOf('rank_of_group', 'group_scores', '0u', 'GROUPS');

const scoreOfGroup = wgsl`
  ${rankOf('rank_in_group', 'choice', 'own / GROUP_SIZE * GROUP_SIZE', 'own / GROUP_SIZE * GROUP_SIZE + GROUP_SIZE')}

  fn score_of_group(g: u32) -> f32 {
    var sum = 0.0;
    for (var e = g * GROUP_SIZE; e < (g + 1u) * GROUP_SIZE; e++) {
      if (rank_in_group(e) < GROUP_TOP) {
        sum += choice[e];
      }
    }
    return sum;
  }`;

/** The weight of the expert in a slot. In the order of the slots the first has the largest logit. */
function shareFunction({ scoring, normalized }: RoutePlan): string {
  if (scoring === 'topk_softmax') {
    return wgsl`
      fn share_of(slot: u32) -> f32 {
        let highest = scores[best[0]];
        var sum = 0.0;
        for (var other = 0u; other < ACTIVE; other++) {
          sum += exp2((scores[best[other]] - highest) * LOG2E);
        }
        return exp2((scores[best[slot]] - highest) * LOG2E) / sum;
      }`;
  }
  if (!normalized) {
    return wgsl`
      fn share_of(slot: u32) -> f32 {
        return scores[best[slot]];
      }`;
  }
  return wgsl`
    fn share_of(slot: u32) -> f32 {
      var sum = 1e-20;
      for (var other = 0u; other < ACTIVE; other++) {
        sum += scores[best[other]];
      }
      return scores[best[slot]] / sum;
    }`;
}
