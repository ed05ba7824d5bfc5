import type { HeadNormShape } from '../../check/shaped-spec.ts';
import type { AppendNode, HeadNorm, MemoryKeysNode, QueryHeadsNode } from '../../ir/nodes.ts';
import { dispatch, keyStorage, rowsOf, type StorageOf } from '../dispatch.ts';
import { ceilDiv, quads } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { KeyStorage } from '../plan-base.ts';
import type { NodePlan, PlannedDispatch } from '../planned.ts';
import { scratch } from '../scratch.ts';
import { floats, foldArrays, pairs } from '../workgroup-memory.ts';
import { cachePlan } from './cache-layout.ts';
import type { RotationPlan } from './kernel-plan.ts';
import { rotationPlan } from './rotation-plan.ts';

/** The norms' shapes without their tensors, so that layers share a kernel. */
const shapesOf = (norms: readonly HeadNorm[]) => norms.map(({ tensor, biasTensor, ...shape }): HeadNormShape => shape);

const weightsOf = ([first, second]: readonly HeadNorm[]) => ({
  norm_weight: first?.tensor,
  norm_bias: first?.biasTensor,
  norm_weight_2: second?.tensor,
});

const headMemory = (headDim: number, norms: readonly HeadNorm[]) => ({
  threads: 32,
  workgroup: [
    floats('head', headDim),
    ...(norms.length > 0 ? [pairs('statistics', Math.max(...norms.map(({ groups }) => groups)))] : []),
  ],
});

/** Rotations of whole quads: half a head's pairs of quads, or pairs within one. */
const turnsQuads = ({ dim, pairing, firstEntry }: RotationPlan): boolean =>
  dim % (pairing === 'half' ? 8 : 4) === 0 && firstEntry % 4 === 0;

function planRotateHeads(node: QueryHeadsNode, rotation: RotationPlan): PlannedDispatch {
  const { heads, headDim } = node;
  const threads = 64;
  const plan: KernelPlan = { stage: 'rotate_heads', heads, headDim, rotation, y: 'f32', threads, workgroup: [] };
  const bind = { x: node.x, rotations: node.rotation?.table, y: node.out };
  return dispatch(node, plan, bind, [rowsOf(node), ceilDiv(heads * quads(headDim), threads), 1]);
}

export function planQueryHeads(node: QueryHeadsNode): PlannedDispatch {
  const { heads, headDim, norms, rotation } = node;
  const turned = rotationPlan(rotation).rotation;
  if (turned && norms.length === 0 && headDim % 4 === 0 && turnsQuads(turned)) return planRotateHeads(node, turned);
  const plan: KernelPlan = {
    stage: 'query_heads',
    heads,
    headDim,
    norms: shapesOf(norms),
    ...rotationPlan(rotation),
    y: 'f32',
    ...headMemory(headDim, norms),
  };
  const bind = { x: node.x, ...weightsOf(norms), rotations: rotation?.table, y: node.out };
  return dispatch(node, plan, bind, [rowsOf(node), heads, 1]);
}

export function planMemoryKeys(node: MemoryKeysNode): PlannedDispatch {
  const { headDim, norms, kvHeads, slots } = node;
  const plan: KernelPlan = {
    stage: 'memory_keys',
    slots,
    headDim,
    norms: shapesOf(norms),
    ...headMemory(headDim, norms),
  };
  return dispatch(node, plan, { x: node.memory, ...weightsOf(norms), y: node.out }, [slots, kvHeads, 1]);
}

const queryBindings = ({ x, norms, out }: QueryHeadsNode) => {
  const weights = Object.entries(weightsOf(norms)).map(([name, tensor]) => [`query_${name}`, tensor] as const);
  return { x, ...Object.fromEntries(weights), y: out };
};

/** @param queries what the same kernel makes beside */
export function planAppend(node: AppendNode, storageOf: StorageOf, queries: QueryHeadsNode | undefined): NodePlan {
  const byQuads = planAppendQuads(node, keyStorage(node.cacheDtype, node.kCache, storageOf), queries);
  return byQuads ? { prefill: [byQuads] } : planAppendHeads(node, storageOf, queries);
}

/** Undefined for heads with norms, odd widths, and rows that have a scale. */
function planAppendQuads(
  node: AppendNode,
  cache: KeyStorage,
  queries: QueryHeadsNode | undefined,
): PlannedDispatch | undefined {
  const { kvHeads, headDim, valueDim, norms, valueNorm, k, v, kCache, vCache, pages } = node;
  const turned = rotationPlan(node.rotation);
  const isPlain = norms.length === 0 && valueNorm === undefined;
  const isWhole =
    headDim % 4 === 0 && valueDim % 4 === 0 && (turned.rotation === undefined || turnsQuads(turned.rotation));
  if (!isPlain || !isWhole || cache === 'int8') return undefined;
  const threads = 64;
  const plan: KernelPlan = {
    stage: 'append_quads',
    kvHeads,
    headDim,
    valueDim,
    ...(v === undefined && { valuesInKeys: true }),
    ...turned,
    ...(queries && { queryHeads: queries.heads }),
    y: 'f32',
    cache,
    ...cachePlan(node.cacheLayout),
    threads,
    workgroup: [],
  };
  const bind = {
    k,
    v,
    rotations: node.rotation?.table,
    k_cache: kCache,
    v_cache: vCache,
    page_table: pages,
    ...(queries && queryBindings(queries)),
  };
  const entries = ((queries?.heads ?? 0) + kvHeads) * headDim + (v === undefined ? 0 : kvHeads * valueDim);
  return {
    ...dispatch(node, plan, bind, [rowsOf(node), ceilDiv(quads(entries), threads), 1]),
    ...(queries && { also: [queries] }),
  };
}

/** Values with a norm are normalised first: one kernel for both would need more bindings than every device has. */
function planAppendHeads(node: AppendNode, storageOf: StorageOf, queries: QueryHeadsNode | undefined): NodePlan {
  const { kvHeads, headDim, valueDim, norms, valueNorm, rotation } = node;
  const { v } = node;
  const normed = `${v}_normed`;
  const memory = headMemory(headDim, norms);
  const plan: KernelPlan = {
    stage: 'append',
    kvHeads,
    headDim,
    valueDim,
    ...(v === undefined && { valuesInKeys: true }),
    norms: shapesOf(norms),
    ...rotationPlan(rotation),
    ...(queries && { queryHeads: queries.heads }),
    y: 'f32',
    cache: keyStorage(node.cacheDtype, node.kCache, storageOf),
    ...cachePlan(node.cacheLayout),
    threads: memory.threads,
    workgroup: node.cacheDtype === 'int8' ? [...memory.workgroup, ...foldArrays(memory.threads)] : memory.workgroup,
  };
  const bind = {
    k: node.k,
    v: valueNorm ? normed : v,
    ...weightsOf(norms),
    rotations: rotation?.table,
    k_cache: node.kCache,
    v_cache: node.vCache,
    page_table: node.pages,
    ...(queries && queryBindings(queries)),
  };
  const append = {
    ...dispatch(node, plan, bind, [rowsOf(node), kvHeads + (queries?.heads ?? 0), 1]),
    ...(queries && { also: [queries] }),
  };
  if (valueNorm === undefined) return { prefill: [append] };
  const normPlan: KernelPlan = {
    stage: 'query_heads',
    heads: kvHeads,
    headDim: valueDim,
    norms: shapesOf([valueNorm]),
    y: 'f32',
    ...headMemory(valueDim, [valueNorm]),
  };
  const values = dispatch(node, normPlan, { x: v, ...weightsOf([valueNorm]), y: normed }, [rowsOf(node), kvHeads, 1]);
  const extent = node.rows === 'context' ? 'X' : 'I';
  return {
    prefill: [values, append],
    scratch: [scratch(normed, 'f32', ['B', extent, kvHeads * valueDim])],
  };
}
