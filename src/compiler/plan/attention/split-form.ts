import type { Extent } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { quads } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { PlannedDispatch } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import {
  type Attempt,
  type Form,
  fusedBindings,
  fusionObstacle,
  inputsOf,
  ordering,
  restObstacle,
  tooMany,
} from './form.ts';
import type { AttentionOptions, ColumnDeal } from './kernel-plan.ts';
import { columnParts } from './parts.ts';
import { planAttentionSplit, planAttentionSplitSubgroups } from './split-plans.ts';

/** One token by subgroups: keys are dealt out, and four query heads of a KV head share them. */
export function splitSubgroupsForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const reason = fusionObstacle(node) ?? restObstacle(node) ?? tooMany(fusedBindings(node), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionSplitSubgroups(options, profile);
  if ('reason' in choice) return choice;
  const { plan, deal } = choice;
  const workgroups = node.heads.kvHeads * Math.ceil(node.heads.queriesPerKv / 4);
  return splitInto(node, options, plan, { deal, grid: (parts) => [workgroups, parts, 'B'] });
}

/** One token, on every device. */
export function splitForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const reason = fusionObstacle(node) ?? tooMany(fusedBindings(node), profile);
  if (reason !== undefined) return { reason };
  const plan = planAttentionSplit(options);
  const { heads, valueDim } = node;
  if (quads(valueDim) > plan.partColumns) return { reason: `values of ${valueDim} entries are wider than a workgroup` };
  const deal = { least: plan.partColumns, most: plan.partColumns, parts: 1 };
  return splitInto(node, options, plan, { deal, grid: (parts) => [parts, heads.kvHeads, 'B'] });
}

/** The kernel that leaves partial results, and the one that joins them. */
function splitInto(
  node: AttentionNode,
  options: AttentionOptions,
  split: KernelPlan,
  { deal, grid }: { readonly deal: ColumnDeal; readonly grid: (parts: Extent) => PlannedDispatch['grid'] },
): Form {
  const { scores, order, logits, values } = inputsOf(node);
  const before = ordering(node);
  const usesSubgroups = split.stage === 'attention_split_subgroups';
  const parts = columnParts(node, options, deal, { usesSubgroups, tokens: 1, joins: 1 });
  return {
    dispatches: [
      ...before.dispatches,
      dispatch(node, split, { ...scores, ...order, ...logits, ...values, ...parts.partials }, grid(parts.count)),
      parts.join,
    ],
    scratch: [...before.scratch, ...parts.scratch],
  };
}
