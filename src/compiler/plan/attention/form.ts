import type { BufferDecl } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { PlannedDispatch, Rejection } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';

/** What one form of attention becomes, or why it cannot serve this node on this target. */
export type Form = {
  readonly dispatches: readonly PlannedDispatch[];
  readonly scratch?: readonly BufferDecl[];
  readonly rejected?: readonly Rejection[];
};
export type Attempt = Form | { readonly reason: string };

/** What each step of attention reads, by binding name. */
export function inputsOf(node: AttentionNode) {
  const { memory, mask, normalizer } = node;
  const sequences = node.cross ? { sequences: 'context_sequences' } : {};
  const parameters = Object.fromEntries(node.parameters.map(({ name, tensor }) => [`parameter_${name}`, tensor]));
  const hidden = mask.padding === 'keys_and_queries' ? { key_mask: node.keyMask } : {};
  return {
    scores: { q: node.q, k: node.k, memory_k: memory?.k, page_table: node.pages, ...sequences },
    order: { head_order: orderOf(node) },
    active: { active_heads: activeMask(node) },
    logits: {
      key_mask: node.keyMask,
      documents: node.documents,
      bias: node.bias?.tensor,
      t5_table: node.t5?.table,
      ...parameters,
      ...sequences,
    },
    sinks: normalizer.kind === 'sigmoid' ? {} : { sinks: node.sinks },
    values: {
      ...(node.v === undefined ? { k: node.k } : { v: node.v }),
      memory_v: memory?.v,
      page_table: node.pages,
      ...sequences,
    },
    hidden,
  };
}

const activeMask = ({ active }: AttentionNode) => (active && 'mask' in active ? active.mask : undefined);

/** Scratch that says which heads of each group a mask leaves: fused forms walk over these. */
function orderOf(node: AttentionNode): string | undefined {
  const { qHeads, kvHeads, order } = node.heads;
  return activeMask(node) && `head_order_${qHeads}x${kvHeads}_${order}`;
}

/** What has to run before a fused form. */
export function ordering(node: AttentionNode): Required<Pick<Form, 'dispatches' | 'scratch'>> {
  const name = orderOf(node);
  const { heads } = node;
  if (name === undefined) return { dispatches: [], scratch: [] };
  const plan: KernelPlan = { stage: 'head_order', heads, threads: 64, workgroup: [] };
  const bind = { active_heads: activeMask(node), head_order: name };
  return {
    dispatches: [dispatch(node, plan, bind, [ceilDiv(heads.kvHeads, 64), 1, 1])],
    scratch: [scratch(name, 'u32', [heads.kvHeads + heads.qHeads])],
  };
}

export const countPresent = (...tensors: readonly unknown[]) =>
  tensors.filter((tensor) => tensor !== undefined && tensor !== false).length;

/** What keeps a node from a fused form at all. */
export function fusionObstacle(node: AttentionNode): string | undefined {
  if (Object.keys(node.mixing).length > 0) return 'head mixing needs the scores of all heads';
  if (node.kept !== undefined) return 'scores or patterns are asked for, so they have to be in memory';
  if (node.normalizer.kind !== 'softmax') return `${node.normalizer.kind} is not an online softmax`;
  return undefined;
}

export function tooMany(bindings: number, { limits }: TargetProfile): string | undefined {
  const most = limits.maxStorageBuffersPerShaderStage;
  return bindings > most ? `needs ${bindings} storage buffers, the target has ${most}` : undefined;
}

/** Storage buffers of a fused form, which writes one or two of them. */
export const fusedBindings = (node: AttentionNode, written: 1 | 2 = 2) => {
  const { memory, pages, keyMask, documents, bias, t5, parameters } = node;
  return (
    2 +
    written +
    countPresent(node.v) +
    2 * countPresent(memory) +
    countPresent(orderOf(node), pages, keyMask, documents, bias, t5, ...parameters)
  );
};

/** Heads that are switched off are left out by the portable forms. */
export const restObstacle = ({ active }: AttentionNode) =>
  active === undefined ? undefined : 'not all heads are active';
