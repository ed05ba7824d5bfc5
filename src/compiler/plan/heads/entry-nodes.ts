import type {
  GateHeadsNode,
  HeadInputsNode,
  HeadResultsNode,
  LatentHeadsNode,
  MixValuesNode,
  Node,
} from '../../ir/nodes.ts';
import { dispatch, type MatrixStorageOf, rowsOf } from '../dispatch.ts';
import { ceilDiv, times } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { PlannedDispatch } from '../planned.ts';

/** One invocation per entry of `width` entries a row. */
const perEntry = (node: Node, width: number): PlannedDispatch['grid'] => [
  ceilDiv(times(rowsOf(node), width), 64),
  1,
  1,
];

export function planLatentHeads(node: LatentHeadsNode): PlannedDispatch {
  const { x, latent, heads, rank, ownDim, sharedDim, valueDim, k, out } = node;
  const sizes = { heads, rank, ownDim, sharedDim, valueDim };
  const plan: KernelPlan = { stage: 'latent_heads', ...sizes, threads: 64, workgroup: [] };
  const entries = heads * (ownDim + sharedDim + valueDim);
  return dispatch(node, plan, { x, latent, k, v: out }, perEntry(node, entries));
}

export function planMixValues(node: MixValuesNode): PlannedDispatch {
  const { kvHeads, valueDim, mix, first, out } = node;
  const gate = typeof mix === 'number' ? undefined : mix.gate;
  const plan: KernelPlan = {
    stage: 'mix_values',
    kvHeads,
    valueDim,
    mix: typeof mix === 'number' ? mix : 'gate',
    threads: 64,
    workgroup: [],
  };
  return dispatch(node, plan, { first, gate, v: out }, perEntry(node, kvHeads * valueDim));
}

export function planHeadInputs(node: HeadInputsNode): PlannedDispatch {
  const { heads, width, x, edit, out } = node;
  const plan: KernelPlan = { stage: 'head_inputs', heads, width, threads: 64, workgroup: [] };
  return dispatch(node, plan, { x, edit, y: out }, [rowsOf(node), heads, ceilDiv(width, 64)]);
}

export function planHeadResults(node: HeadResultsNode, storageOf: MatrixStorageOf): PlannedDispatch {
  const { heads, valueDim, width, z, weight, out } = node;
  const plan: KernelPlan = {
    stage: 'head_results',
    heads,
    valueDim,
    width,
    weight: storageOf(weight),
    threads: 64,
    workgroup: [],
  };
  return dispatch(node, plan, { z, weight, results: out }, [rowsOf(node), heads, ceilDiv(width, 64)]);
}

export function planGateHeads(node: GateHeadsNode): PlannedDispatch {
  const { heads, valueDim, scale, head, entry, out } = node;
  const plan: KernelPlan = {
    stage: 'gate_heads',
    heads,
    valueDim,
    scale: scale !== undefined,
    head: head !== undefined,
    entry: entry !== undefined,
    threads: 64,
    workgroup: [],
  };
  return dispatch(node, plan, { scale, head_gate: head, entry_gate: entry, z: out }, perEntry(node, heads * valueDim));
}
