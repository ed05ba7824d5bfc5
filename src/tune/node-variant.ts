import { assembleDefinition } from '../compiler/assemble/definition.ts';
import { emitPrograms } from '../compiler/assemble/emitted-program.ts';
import type { ShapedSpec } from '../compiler/check/shaped-spec.ts';
import type { CallSizes } from '../compiler/facts/cost-report.ts';
import { trafficOf } from '../compiler/facts/kernel-bytes.ts';
import { callOf } from '../compiler/facts/kernel-costs.ts';
import type { AttnModule } from '../compiler/ir/nodes.ts';
import type { PlannedDispatch } from '../compiler/plan/planned.ts';
import type { ProgramPlan } from '../compiler/plan/program.ts';
import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import { withoutOthers } from './single-node.ts';
import { dispatchesFor, keyOf, type StageNodes } from './stage-nodes.ts';

/** A spec that is tuned for, and the calls that it is timed with. */
export interface Workload {
  readonly name: string;
  readonly shaped: ShapedSpec;
  readonly module: AttnModule;
  readonly sizes: CallSizes;
}

/** Nodes as a program has them planned, in a module by themselves. */
export interface NodeVariant {
  readonly stageNodes: StageNodes;
  /** What the call runs. */
  readonly dispatches: readonly PlannedDispatch[];
  /** Equal for equal kernels. */
  readonly key: string;
  /** Why other forms were passed over. */
  readonly reasons: readonly string[];
  readonly define: () => ModuleDefinition;
  /** Bytes that the call reads. */
  readonly bytesRead: () => number;
}

export function nodeVariant({ shaped, module }: Workload, stageNodes: StageNodes, program: ProgramPlan): NodeVariant {
  const { nodes, size } = stageNodes;
  const dispatches = dispatchesFor(program, stageNodes);
  return {
    stageNodes,
    dispatches,
    key: keyOf(dispatches),
    reasons: program.rejected.filter(({ node }) => nodes.includes(node)).map(({ reason }) => reason),
    define: () => definitionOf(shaped, module, stageNodes, { ...program, prefill: dispatches, decode: dispatches }),
    bytesRead: () =>
      trafficOf(dispatches, module, program, callOf(module, size)).reduce((all, { read }) => all + read, 0),
  };
}

/** Of what the dispatches bind. They stand for prompts and for tokens. */
function definitionOf(
  shaped: ShapedSpec,
  module: AttnModule,
  { nodes }: StageNodes,
  program: ProgramPlan,
): ModuleDefinition {
  const bound = new Set(program.prefill.flatMap(({ bind }) => Object.values(bind)));
  const scratch = program.scratch.filter(({ name }) => bound.has(name));
  const own = emitPrograms([{ ...program, prepare: [], sample: [], scratch }]);
  return assembleDefinition(shaped, withoutOthers(module, nodes, bound), own);
}
