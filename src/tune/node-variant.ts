import { assembleDefinition } from '../compiler/assemble/definition.ts';
import type { ShapedSpec } from '../compiler/check/shaped-spec.ts';
import type { CallSizes } from '../compiler/facts/cost-report.ts';
import { trafficOf } from '../compiler/facts/kernel-bytes.ts';
import { callOf } from '../compiler/facts/kernel-costs.ts';
import type { AttnModule } from '../compiler/ir/nodes.ts';
import type { PlannedDispatch } from '../compiler/plan/planned.ts';
import type { TargetProfile } from '../compiler/plan/profiles.ts';
import { type ProgramPlan, planProgram } from '../compiler/plan/program.ts';
import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import { singleNode } from './single-node.ts';
import type { StageNode } from './stage-nodes.ts';

/** A spec that is tuned for, and the calls that it is timed with. */
export interface Workload {
  readonly name: string;
  readonly shaped: ShapedSpec;
  readonly module: AttnModule;
  readonly sizes: CallSizes;
}

/** A node as a profile has it planned, in a module by itself. */
export interface NodeVariant {
  readonly stageNode: StageNode;
  readonly program: ProgramPlan;
  /** What the node's call runs. */
  readonly dispatches: readonly PlannedDispatch[];
  /** Equal for equal kernels. */
  readonly key: string;
  readonly define: () => ModuleDefinition;
  /** Bytes that the call reads. */
  readonly bytesRead: () => number;
}

export function nodeVariant({ shaped, module }: Workload, stageNode: StageNode, profile: TargetProfile): NodeVariant {
  const single = singleNode(module, stageNode.node);
  const program = planProgram(single, profile);
  const dispatches = stageNode.size.tokens === 1 ? program.decode : program.prefill;
  return {
    stageNode,
    program,
    dispatches,
    key: JSON.stringify(dispatches.map(({ plan, grid }) => [plan, grid])),
    define: () => assembleDefinition(shaped, single, [program]),
    bytesRead: () =>
      trafficOf(dispatches, module, program, callOf(module, stageNode.size)).reduce((all, { read }) => all + read, 0),
  };
}
