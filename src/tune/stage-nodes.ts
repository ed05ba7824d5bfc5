import type { CallSizes } from '../compiler/facts/cost-report.ts';
import type { CallSize } from '../compiler/facts/kernel-costs.ts';
import type { AttnModule, Node } from '../compiler/ir/nodes.ts';
import type { TargetProfile } from '../compiler/plan/profiles.ts';
import { planProgram } from '../compiler/plan/program.ts';
import { type ScheduledStage, scheduledStages } from '../compiler/plan/schedule-candidates.ts';

/** A node whose kernels have a schedule, one for all that are planned alike. */
export interface StageNode {
  readonly node: Node;
  readonly size: CallSize;
  /** Nodes that are planned alike. */
  readonly count: number;
}

/** What the stages of a program are tried on: a prompt where they serve prompts, a token where they serve tokens. */
export function nodesByStage(
  module: AttnModule,
  profile: TargetProfile,
  { tokens, keys }: CallSizes,
): ReadonlyMap<ScheduledStage, readonly StageNode[]> {
  const program = planProgram(module, profile);
  const found = new Map<ScheduledStage, Map<string, StageNode>>();
  const calls = [
    [program.prefill, { batch: 1, tokens, keys: tokens }],
    [program.decode, { batch: 1, tokens: 1, keys }],
  ] as const;
  for (const [dispatches, size] of calls) {
    for (const { plan, grid, node } of dispatches) {
      const stage = scheduledStages.find((one) => one === plan.stage);
      if (stage === undefined || node === undefined) continue;
      const nodes = found.get(stage) ?? new Map<string, StageNode>();
      const key = JSON.stringify([plan, grid, size]);
      const known = nodes.get(key);
      nodes.set(key, { node: known?.node ?? node, size, count: (known?.count ?? 0) + 1 });
      found.set(stage, nodes);
    }
  }
  return new Map([...found].map(([stage, nodes]) => [stage, withoutHelpers([...nodes.values()])]));
}

/** A node may take two kernels of one stage: it is tried once. */
function withoutHelpers(nodes: readonly StageNode[]): readonly StageNode[] {
  const seen = new Set<Node>();
  return nodes.filter(({ node }) => !seen.has(node) && seen.add(node));
}
