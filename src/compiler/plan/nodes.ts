import { elementCount } from '../check/dims.ts';
import type { AttnModule, EmbedNode, Node, NormNode, TensorDecl } from '../ir/nodes.ts';
import { planAttention } from './attention/node.ts';
import { dispatch, type MatrixStorageOf, rowsOf, type StorageOf } from './dispatch.ts';
import { ceilDiv, quads, times } from './extents.ts';
import { type FusedNorms, weightOfNorm } from './fused-norms.ts';
import type { Fusions } from './fusions.ts';
import { planGateHeads, planHeadInputs, planHeadResults, planLatentHeads, planMixValues } from './heads/entry-nodes.ts';
import { planLatentQueries, planLatentValues } from './heads/latent-nodes.ts';
import { planAppend, planMemoryKeys, planQueryHeads } from './heads/nodes.ts';
import type { KernelPlan } from './kernel-plan.ts';
import { planExpertsDown, planExpertsUp, planRoute } from './linear/expert-nodes.ts';
import { planLinear } from './linear/node.ts';
import type { MatrixStorage, Storage } from './plan-base.ts';
import type { NodePlan } from './planned.ts';
import type { TargetProfile } from './profiles/profiles.ts';
import { elementBytes } from './tensor-bytes.ts';
import { foldArrays } from './workgroup-memory.ts';

/** The kernels of one node, for many tokens and for one. */
export function planNode(node: Node, module: AttnModule, profile: TargetProfile, fusions: Fusions): NodePlan {
  const storageOf = (name: string) => storage(tensorOf(module, name), profile);
  const matrixStorageOf = (name: string) => matrixStorage(tensorOf(module, name), profile);
  switch (node.op) {
    case 'embed':
      return planEmbed(node, storageOf, matrixStorageOf);
    case 'norm':
      return planNorm(node, fusions.norms);
    case 'linear':
      return planLinear(node, matrixStorageOf, profile, fusions);
    case 'route':
      return { prefill: [planRoute(node)] };
    case 'experts_up':
      return { prefill: [planExpertsUp(node, matrixStorageOf)] };
    case 'experts_down':
      return { prefill: [planExpertsDown(node, matrixStorageOf)] };
    case 'latent_heads':
      return { prefill: [planLatentHeads(node)] };
    case 'latent_queries':
      return planLatentQueries(node, storageOf, profile);
    case 'latent_values':
      return planLatentValues(node, storageOf, profile);
    case 'query_heads':
      return {
        prefill: fusions.heads.isJoined(node) ? [] : [planQueryHeads(node)],
        ...(fusions.productHeads.isStored(node) && { decode: [] }),
      };
    case 'append':
      return {
        ...planAppend(node, storageOf, fusions.heads.queriesOf(node)),
        ...(fusions.productHeads.isStored(node) && { decode: [] }),
        rejected: fusions.productHeads.rejected(node),
      };
    case 'mix_values':
      return { prefill: [planMixValues(node)] };
    case 'gate_heads':
      return { prefill: [planGateHeads(node)] };
    case 'head_inputs':
      return { prefill: [planHeadInputs(node)] };
    case 'head_results':
      return { prefill: [planHeadResults(node, matrixStorageOf)] };
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

function storage({ name, dtype }: TensorDecl, profile: TargetProfile): Storage {
  if (dtype === 'int8' || dtype === 'int4')
    throw new Error(`${name} is a matrix of integers, and read as something else`);
  if (dtype === 'bf16') return 'bf16-packed';
  if (dtype === 'f16') return profile.features.includes('shader-f16') ? 'f16' : 'f16-packed';
  return 'f32';
}

function matrixStorage(tensor: TensorDecl, profile: TargetProfile): MatrixStorage {
  const { quantization, shape = [] } = tensor.weight ?? {};
  if (quantization === undefined) return storage(tensor, profile);
  const entries = elementCount(shape);
  const byHalves = quantization.dtype === 'int4' && profile.features.includes('shader-f16');
  const scalesAt = (entries * elementBytes[quantization.dtype]) / 4;
  return { ...quantization, scalesAt, ...(byHalves && { byHalves }) };
}

function planEmbed(node: EmbedNode, storageOf: StorageOf, matrixStorageOf: MatrixStorageOf): NodePlan {
  const { width, tokens, positions, types } = node;
  const plan: KernelPlan = {
    stage: 'embed',
    width,
    ...(tokens && { tokens: { table: matrixStorageOf(tokens.table), scale: tokens.scale } }),
    ...(positions && {
      positions: { table: storageOf(positions.table), scale: positions.scale, offset: positions.offset },
    }),
    ...(types && { types: storageOf(types) }),
    threads: 64,
    workgroup: [],
  };
  const bind = { ids: tokens?.ids, table: tokens?.table, positions: positions?.table, types, x: node.out };
  return { prefill: [dispatch(node, plan, bind, [ceilDiv(times('B', 'I', quads(width)), 64), 1, 1])] };
}

function planNorm(node: NormNode, norms: FusedNorms): NodePlan {
  const { width, xWidth, heads, weight, bias, accumulate } = node;
  const threads = width >= 1024 ? 256 : 64;
  const plan: KernelPlan = {
    stage: 'norm',
    kind: node.kind,
    width,
    ...(xWidth !== undefined && { xWidth }),
    ...(heads !== undefined && { heads }),
    ...(node.rest && { rest: node.rest }),
    eps: node.eps,
    weight: weightOfNorm(node),
    bias: bias !== undefined,
    accumulate,
    y: 'f32',
    threads,
    workgroup: foldArrays(threads),
  };
  const dispatches = [dispatch(node, plan, { x: node.x, weight, bias, y: node.out }, [rowsOf(node), heads ?? 1, 1])];
  return {
    prefill: norms.isUnused(node, 'of logits') ? [] : dispatches,
    decode: norms.isUnused(node, 'of one row') ? [] : dispatches,
  };
}
