import type { ExpertsDownNode, ExpertsUpNode, RouteNode } from '../../ir/nodes.ts';
import { dispatch, type MatrixStorageOf, rowsOf } from '../dispatch.ts';
import { ceilDiv, quads } from '../extents.ts';
import type { PlannedDispatch } from '../planned.ts';
import { floats, foldArrays, indices } from '../workgroup-memory.ts';
import type { ExpertsDownPlan, ExpertsUpPlan, RoutePlan } from './kernel-plan.ts';
import { gateKind } from './plans.ts';
import { lanesFor } from './row-plans.ts';

/** One workgroup for each token. */
export function planRoute(node: RouteNode): PlannedDispatch {
  const { experts, active, scoring, normalized, scale, groups, correction, logits, chosen, out } = node;
  const threads = 64;
  const plan: RoutePlan = {
    stage: 'route',
    experts,
    active,
    scoring,
    normalized,
    scale,
    ...(groups && { groups }),
    correction: correction !== undefined,
    threads,
    workgroup: [
      ...(scoring === 'softmax' ? foldArrays(threads) : []),
      floats('scores', experts),
      floats('choice', experts),
      ...(groups ? [floats('group_scores', groups.count)] : []),
      indices('best', active),
    ],
  };
  return dispatch(node, plan, { logits, correction, chosen, shares: out }, [rowsOf(node), 1, 1]);
}

const threads = 128;

/** Only the chosen experts are computed: a workgroup makes some outputs of one expert for one token. */
export function planExpertsUp(node: ExpertsUpNode, storageOf: MatrixStorageOf): PlannedDispatch {
  const { x, chosen, active, inWidth, outWidth, weight, bias, gate, activation, out } = node;
  const lanes = lanesFor(quads(inWidth));
  const plan: ExpertsUpPlan = {
    stage: 'experts_up',
    active,
    inWidth,
    outWidth,
    weight: storageOf(weight),
    bias: bias !== undefined,
    gate: gateKind(gate),
    activation,
    lanes,
    outputs: threads / lanes,
    threads,
    workgroup: (gate === undefined ? ['partials'] : ['partials', 'gate_partials']).map((name) => floats(name, threads)),
  };
  const bind = { x, chosen, weight, bias, gate: gate?.weight, gate_bias: gate?.bias, y: out };
  return dispatch(node, plan, bind, [ceilDiv(outWidth, plan.outputs), active, rowsOf(node)]);
}

export function planExpertsDown(node: ExpertsDownNode, storageOf: MatrixStorageOf): PlannedDispatch {
  const { x, chosen, shares, active, inWidth, outWidth, weight, bias, scale, accumulate, out } = node;
  const lanes = lanesFor(quads(inWidth));
  const plan: ExpertsDownPlan = {
    stage: 'experts_down',
    active,
    inWidth,
    outWidth,
    weight: storageOf(weight),
    bias: bias !== undefined,
    ...(scale !== undefined && { scale }),
    accumulate,
    lanes,
    outputs: threads / lanes,
    threads,
    workgroup: [floats('partials', threads)],
  };
  const bind = { x, chosen, shares, weight, bias, y: out };
  return dispatch(node, plan, bind, [ceilDiv(outWidth, plan.outputs), rowsOf(node), 1]);
}
