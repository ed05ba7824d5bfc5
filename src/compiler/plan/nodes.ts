import type { Extent } from '../../runtime/abi1/definition.ts';
import type {
  AppendNode,
  AttentionNode,
  AttnModule,
  EmbedNode,
  HeadNorm,
  LinearNode,
  MemoryKeysNode,
  Node,
  NormNode,
  QueryHeadsNode,
  Rotation,
  TensorDecl,
} from '../ir/nodes.ts';
import { attentionOptions, planAttentionSplit, planAttentionTile } from './attention-plans.ts';
import { ceilDiv, plus, times } from './extents.ts';
import type { HeadNormPlan, KernelPlan, RotationPlan, Storage } from './kernel-plan.ts';
import { planLinearRow, planLinearTile } from './linear-plans.ts';
import type { NodePlan, PlannedDispatch } from './planned.ts';
import type { TargetProfile } from './profiles.ts';
import { floats, foldArrays } from './workgroup-memory.ts';

const quads = (width: number) => Math.ceil(width / 4);
const rows: Extent = ['*', 'B', 'I'];

/** The kernels of one node, for many tokens and for one. */
export function planNode(node: Node, module: AttnModule, profile: TargetProfile): NodePlan {
  const storageOf = (name: string) => storage(tensorOf(module, name).dtype, profile);
  switch (node.op) {
    case 'embed':
      return planEmbed(node, storageOf);
    case 'norm':
      return planNorm(node);
    case 'linear':
      return planLinear(node, storageOf);
    case 'query_heads':
      return { prefill: [planQueryHeads(node)] };
    case 'append':
      return { prefill: [planAppend(node, storageOf)] };
    case 'memory_keys':
      return { prepare: [planMemoryKeys(node)], prefill: [] };
    case 'attention':
      return planAttention(node, storageOf, profile);
  }
}

function tensorOf(module: AttnModule, name: string): TensorDecl {
  const tensor = module.tensors.get(name);
  if (tensor === undefined) throw new Error(`no tensor is named ${name}`);
  return tensor;
}

function storage(dtype: TensorDecl['dtype'], profile: TargetProfile): Storage {
  if (dtype === 'bf16') return 'bf16-packed';
  if (dtype === 'f16') return profile.features.includes('shader-f16') ? 'f16' : 'f16-packed';
  return 'f32';
}

type StorageOf = (name: string) => Storage;
type Bind = Readonly<Record<string, string | undefined>>;

/** Undefined bindings are those that the chosen options do not have. */
function dispatch(node: Node, plan: KernelPlan, bind: Bind, grid: PlannedDispatch['grid']): PlannedDispatch {
  const present = Object.entries(bind).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { node, plan, bind: Object.fromEntries(present), grid };
}

function planEmbed(node: EmbedNode, storageOf: StorageOf): NodePlan {
  const { positions } = node;
  const plan: KernelPlan = {
    stage: 'embed',
    hidden: node.hidden,
    table: storageOf(node.table),
    scale: node.scale,
    ...(positions && { positions: { table: storageOf(positions.table), scale: positions.scale } }),
    threads: 64,
    workgroup: [],
  };
  const bind = { ids: node.ids, table: node.table, positions: positions?.table, x: node.out };
  return { prefill: [dispatch(node, plan, bind, [ceilDiv(times('B', 'I', quads(node.hidden)), 64), 1, 1])] };
}

function planNorm(node: NormNode): NodePlan {
  const { width } = node;
  const threads = width >= 1024 ? 256 : 64;
  const plan: KernelPlan = {
    stage: 'norm',
    kind: node.kind,
    width,
    eps: node.eps,
    unitOffset: node.unitOffset,
    bias: node.bias !== undefined,
    threads,
    workgroup: foldArrays(threads),
  };
  return {
    prefill: [dispatch(node, plan, { x: node.x, weight: node.weight, bias: node.bias, y: node.out }, [rows, 1, 1])],
  };
}

/** Logits are wanted of few rows, mostly one: they take the one-row kernel always. */
function planLinear(node: LinearNode, storageOf: StorageOf): NodePlan {
  const bind = {
    x: node.x,
    weight: node.weight,
    bias: node.bias,
    gate: node.gate?.weight,
    gate_bias: node.gate?.bias,
    y: node.out,
  };
  const row = planLinearRow(node, storageOf(node.weight));
  const byRow = (count: Extent) => [dispatch(node, row, bind, [ceilDiv(node.outWidth, row.outputs), count, 1])];
  if (node.rows === 'logits') return { prefill: byRow('L') };
  const tile = planLinearTile(node, storageOf(node.weight));
  const grid = [ceilDiv(node.outWidth, tile.tileColumns), ceilDiv(rows, tile.tileRows), 1] as const;
  return { prefill: [dispatch(node, tile, bind, grid)], decode: byRow(rows) };
}

const headNorm = (norm: HeadNorm | undefined): { readonly norm?: HeadNormPlan } => {
  if (norm === undefined) return {};
  const { kind, eps, groups, unitOffset, weight } = norm;
  return { norm: { kind, eps, groups, unitOffset, weighted: weight !== undefined } };
};

const rotationPlan = (rotation: Rotation | undefined): { readonly rotation?: RotationPlan } =>
  rotation === undefined ? {} : { rotation: { dim: rotation.dim, pairing: rotation.pairing } };

const headMemory = (headDim: number, norm: HeadNorm | undefined) => ({
  threads: 32,
  workgroup: [floats('head', headDim), ...(norm ? [floats('factors', norm.groups)] : [])],
});

function planQueryHeads(node: QueryHeadsNode): PlannedDispatch {
  const { heads, headDim, norm, rotation } = node;
  const plan: KernelPlan = {
    stage: 'query_heads',
    heads,
    headDim,
    ...headNorm(norm),
    ...rotationPlan(rotation),
    ...headMemory(headDim, norm),
  };
  return dispatch(node, plan, { x: node.x, norm_weight: norm?.weight, rotations: rotation?.table, y: node.out }, [
    rows,
    heads,
    1,
  ]);
}

function planMemoryKeys(node: MemoryKeysNode): PlannedDispatch {
  const { headDim, norm, kvHeads, slots } = node;
  const plan: KernelPlan = { stage: 'query_heads', heads: 1, headDim, ...headNorm(norm), ...headMemory(headDim, norm) };
  return dispatch(node, plan, { x: node.memory, norm_weight: norm.weight, y: node.out }, [kvHeads * slots, 1, 1]);
}

function planAppend(node: AppendNode, storageOf: StorageOf): PlannedDispatch {
  const { kvHeads, headDim, valueDim, norm, rotation } = node;
  const plan: KernelPlan = {
    stage: 'append',
    kvHeads,
    headDim,
    valueDim,
    ...headNorm(norm),
    ...rotationPlan(rotation),
    cache: storageOf(node.kCache),
    ...headMemory(headDim, norm),
  };
  const bind = {
    k: node.k,
    v: node.v,
    norm_weight: norm?.weight,
    rotations: rotation?.table,
    k_cache: node.kCache,
    v_cache: node.vCache,
  };
  return dispatch(node, plan, bind, [rows, kvHeads, 1]);
}

function planAttention(node: AttentionNode, storageOf: StorageOf, profile: TargetProfile): NodePlan {
  const options = attentionOptions(node, storageOf(node.k));
  const { kvHeads, qHeads, queriesPerKv } = node.heads;
  const inputs = { q: node.q, k: node.k, v: node.v, memory_k: node.memory?.k, memory_v: node.memory?.v };
  const tile = planAttentionTile(options, profile.limits);
  if (tile === undefined) throw new Error(`no attention tile fits ${profile.id}`);
  const tiles = ceilDiv(times('I', queriesPerKv), tile.plan.tileRows);

  const split = planAttentionSplit(options);
  const prefixColumns = node.columns.zero + node.columns.memory;
  const chunks = ceilDiv(plus('J', prefixColumns), split.chunk);
  const partials = { partial_outputs: 'partial_outputs', partial_sums: 'partial_sums' };
  const combine: KernelPlan = {
    stage: 'attention_combine',
    qHeads,
    valueDim: node.valueDim,
    prefixColumns,
    chunk: split.chunk,
    threads: 32,
    workgroup: [],
  };
  return {
    prefill: [dispatch(node, tile.plan, { ...inputs, out: node.out }, [tiles, kvHeads, 'B'])],
    decode: [
      dispatch(node, split, { ...inputs, ...partials }, [chunks, kvHeads, 'B']),
      dispatch(node, combine, { ...partials, out: node.out }, [qHeads, 'B', 1]),
    ],
    scratch: [
      {
        name: 'partial_outputs',
        role: 'activation',
        dtype: 'f32',
        shape: ['B', qHeads, chunks, quads(node.valueDim) * 4],
      },
      { name: 'partial_sums', role: 'activation', dtype: 'f32', shape: ['B', qHeads, chunks, 2] },
    ],
    rejected: tile.rejected,
  };
}
