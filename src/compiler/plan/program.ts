import type { BufferDecl } from '../../runtime/abi1/definition.ts';
import { constantOf } from '../check/dims.ts';
import type { AttnModule, Node } from '../ir/nodes.ts';
import type { Rejection } from './attention-plans.ts';
import type { KernelPlan } from './kernel-plan.ts';
import { planNode } from './nodes.ts';
import type { PlannedDispatch } from './planned.ts';
import type { TargetProfile } from './profiles.ts';
import { foldArrays } from './workgroup-memory.ts';

/** Everything that a target runs: `prefill` for several tokens of each sequence, `decode` for one. */
export interface ProgramPlan {
  readonly profile: TargetProfile;
  readonly prepare: readonly PlannedDispatch[];
  readonly prefill: readonly PlannedDispatch[];
  readonly decode: readonly PlannedDispatch[];
  readonly sample: readonly PlannedDispatch[];
  /** Buffers that the plan adds to those of the module. */
  readonly scratch: readonly BufferDecl[];
  readonly rejected: readonly (Rejection & { readonly node: Node })[];
}

/** In: the module and a target. Out: its program. Throws when a kernel has no form for the target: the checker's rules exclude that. */
export function planProgram(module: AttnModule, profile: TargetProfile): ProgramPlan {
  const planned = module.nodes.map((node) => ({ node, plan: planNode(node, module, profile) }));
  const plans = planned.map(({ plan }) => plan);
  const sample = planSampling(module);
  const scratch = new Map(plans.flatMap((plan) => plan.scratch ?? []).map((buffer) => [buffer.name, buffer]));
  return Object.freeze({
    profile,
    prepare: plans.flatMap((plan) => plan.prepare ?? []),
    prefill: plans.flatMap((plan) => plan.prefill),
    decode: plans.flatMap((plan) => plan.decode ?? plan.prefill),
    sample,
    scratch: [...scratch.values(), ...(sample.length > 0 ? [tokens] : [])],
    rejected: planned.flatMap(({ node, plan }) => (plan.rejected ?? []).map((rejection) => ({ ...rejection, node }))),
  });
}

const tokens: BufferDecl = { name: 'tokens', role: 'output', dtype: 'u32', shape: ['B'] };

/** Draws from logits; none where there are no logits, or where no text is continued. */
function planSampling(module: AttnModule): readonly PlannedDispatch[] {
  const vocab = constantOf(module.tensors.get('logits')?.shape.at(-1) ?? 0) ?? 0;
  const isContinued = module.nodes.every((node) => node.op !== 'attention' || node.mask.causal);
  if (module.kind !== 'model' || vocab === 0 || !isContinued) return [];
  const plan: KernelPlan = { stage: 'sample', vocab, threads: 256, workgroup: foldArrays(256) };
  return [{ plan, bind: { logits: 'logits', tokens: tokens.name }, grid: ['B', 1, 1] }];
}
