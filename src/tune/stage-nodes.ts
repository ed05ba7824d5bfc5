import type { CallSizes } from '../compiler/facts/cost-report.ts';
import type { CallSize } from '../compiler/facts/kernel-costs.ts';
import type { Node } from '../compiler/ir/nodes.ts';
import { nodesOf, type PlannedDispatch } from '../compiler/plan/planned.ts';
import { type ScheduledStage, scheduledStages } from '../compiler/plan/profiles/schedule-candidates.ts';
import type { ProgramPlan } from '../compiler/plan/program.ts';

/** Nodes that one kernel with a schedule computes, one of all that are planned alike. */
export interface StageNodes {
  readonly nodes: readonly Node[];
  readonly size: CallSize;
  /** How many are planned alike. */
  readonly count: number;
}

/** What the call runs for the nodes. */
export function dispatchesFor(
  program: ProgramPlan,
  { nodes, size }: Pick<StageNodes, 'nodes' | 'size'>,
): readonly PlannedDispatch[] {
  const all = size.tokens === 1 ? program.decode : program.prefill;
  return all.filter((dispatch) => nodesOf(dispatch).some((node) => nodes.includes(node)));
}

/** Equal for equal kernels. */
export const keyOf = (dispatches: readonly PlannedDispatch[]): string =>
  JSON.stringify(dispatches.map(({ plan, grid }) => [plan, grid]));

/** What the stages of a program are tried on: a prompt where they serve prompts, a token where they serve tokens. */
export function nodesByStage(
  program: ProgramPlan,
  { tokens, keys }: CallSizes,
): ReadonlyMap<ScheduledStage, readonly StageNodes[]> {
  const found = new Map<ScheduledStage, Map<string, StageNodes>>();
  const calls = [
    [program.prefill, { batch: 1, tokens, keys: tokens }],
    [program.decode, { batch: 1, tokens: 1, keys }],
  ] as const;
  for (const [dispatches, size] of calls) {
    // A node may take several kernels of a stage: it is tried once.
    const seen = new Set<Node>();
    for (const dispatch of dispatches) {
      const stage = scheduledStages.find((one) => one === dispatch.plan.stage);
      const nodes = nodesOf(dispatch);
      const [first] = nodes;
      if (stage === undefined || first === undefined || seen.has(first)) continue;
      seen.add(first);
      const ofStage = found.get(stage) ?? new Map<string, StageNodes>();
      found.set(stage, ofStage);
      const key = `${size.tokens} ${keyOf(dispatchesFor(program, { nodes, size }))}`;
      const known = ofStage.get(key);
      ofStage.set(key, { nodes: known?.nodes ?? nodes, size, count: (known?.count ?? 0) + 1 });
    }
  }
  return new Map([...found].map(([stage, nodes]) => [stage, [...nodes.values()]]));
}
