import type { BufferDecl } from '../../runtime/abi1/definition.ts';
import type { AttnModule, Node } from '../ir/nodes.ts';
import { fuse } from './fusions.ts';
import { handOnHalves } from './half-activations.ts';
import { planNode } from './nodes.ts';
import type { PlannedDispatch, Rejection } from './planned.ts';
import type { TargetProfile } from './profiles/profiles.ts';
import { requireWholeSchedules } from './profiles/schedule-candidates.ts';
import { planSampling } from './sampling.ts';
import { sharedScratch } from './scratch.ts';

/** Everything that a target runs: `prefill` for several tokens of each sequence, `decode` for one. */
export interface ProgramPlan {
  readonly profile: TargetProfile;
  readonly prepare: readonly PlannedDispatch[];
  readonly prefill: readonly PlannedDispatch[];
  readonly decode: readonly PlannedDispatch[];
  readonly sample: readonly PlannedDispatch[];
  /** Buffers that the plan adds to those of the module. */
  readonly scratch: readonly BufferDecl[];
  /** New tokens of all sequences that a call had best have, where that is not the runtime's own default. */
  readonly chunk?: number;
  readonly rejected: readonly (Rejection & { readonly node: Node })[];
}

/** All that a program ever runs. */
export const dispatchesOf = ({ prepare, prefill, decode, sample }: ProgramPlan): readonly PlannedDispatch[] => [
  ...prepare,
  ...prefill,
  ...decode,
  ...sample,
];

/**
 * In: the module and a target. Out: its program.
 * @throws Error for a schedule that is not whole, and when a kernel has no form for the target: the checker's rules exclude that
 */
export function planProgram(module: AttnModule, profile: TargetProfile): ProgramPlan {
  requireWholeSchedules(profile);
  const fusions = fuse(module, profile);
  const planned = module.nodes.map((node) => ({ node, plan: planNode(node, module, profile, fusions) }));
  const plans = planned.map(({ plan }) => plan);
  const sampling = planSampling(module);
  const prefill = handOnHalves(
    module,
    plans.flatMap((plan) => plan.prefill),
  );
  return Object.freeze({
    profile,
    prepare: plans.flatMap((plan) => plan.prepare ?? []),
    prefill,
    decode: plans.flatMap((plan) => plan.decode ?? plan.prefill),
    sample: sampling.dispatches,
    scratch: [...sharedScratch(plans.flatMap((plan) => plan.scratch ?? [])), ...sampling.buffers],
    ...chunkOf(prefill),
    rejected: planned.flatMap(({ node, plan }) => (plan.rejected ?? []).map((rejection) => ({ ...rejection, node }))),
  });
}

/** Matrix kernels are so fast that calls of few tokens would wait for weights; attention in separate steps has scratch for all pairs. */
function chunkOf(prefill: readonly PlannedDispatch[]): Pick<ProgramPlan, 'chunk'> {
  const stages = new Set(prefill.map(({ plan }) => plan.stage));
  return stages.has('linear_matrix') && !stages.has('attention_scores') ? { chunk: 2048 } : {};
}
