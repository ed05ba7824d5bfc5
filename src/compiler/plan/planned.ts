import type { BufferDecl, Extent } from '../../runtime/abi1/definition.ts';
import type { Node } from '../ir/nodes.ts';
import type { KernelPlan } from './kernel-plan.ts';

/** One kernel with the tensors at its bindings, by binding name, and its grid. */
export interface PlannedDispatch {
  readonly plan: KernelPlan;
  readonly bind: Readonly<Record<string, string>>;
  readonly grid: readonly [Extent, Extent, Extent];
  /** Absent for what no node asks for: sampling. */
  readonly node?: Node;
  /** Nodes beside it that the same kernel computes. */
  readonly also?: readonly Node[];
  /** Activations that are stored as f16, by name. */
  readonly halves?: readonly string[];
  /** Nodes whose results the kernel computes on the way, without writing them. */
  readonly prologue?: readonly Node[];
}

/** A form that was considered and not taken. */
export interface Rejection {
  readonly variant: string;
  readonly reason: string;
}

export interface Choice<Plan> {
  readonly plan: Plan;
  readonly rejected: readonly Rejection[];
}

/** What one node becomes. Without `decode`, one token is served by the same dispatches as many. */
export interface NodePlan {
  readonly prepare?: readonly PlannedDispatch[];
  readonly prefill: readonly PlannedDispatch[];
  readonly decode?: readonly PlannedDispatch[];
  readonly scratch?: readonly BufferDecl[];
  readonly rejected?: readonly Rejection[];
}

/** The nodes whose results a dispatch writes. */
export const nodesOf = ({ node, also = [] }: PlannedDispatch): readonly Node[] =>
  node === undefined ? [] : [node, ...also];
