import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv } from '../extents.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';
import { type Attempt, countPresent, fusedBindings, fusionObstacle, inputsOf, restObstacle, tooMany } from './form.ts';
import type { AttentionLatentPlan, AttentionOptions } from './kernel-plan.ts';
import { planAttentionLatent, redoLatent } from './latent-plans.ts';
import { columnParts } from './parts.ts';

/** Heads of a token are the rows of products; of one token the columns are dealt out. */
export function latentForm(
  node: AttentionNode,
  options: AttentionOptions,
  profile: TargetProfile,
  leaves: AttentionLatentPlan['leaves'],
): Attempt {
  const reason =
    fusionObstacle(node) ?? restObstacle(node) ?? tooMany(fusedBindings(node) + countPresent(node.sinks), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionLatent(options, profile, leaves);
  if ('reason' in choice) return choice;
  const { plan, deal } = choice;
  const groups = ceilDiv(node.heads.qHeads, plan.rowBlocks * 16);
  const { scores, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...logits, ...values };
  if (leaves === 'rows') {
    const marks = `marks_latent_${groups}`;
    const all = { ...bind, ...sinks, out: node.out, marks };
    return {
      dispatches: [plan, redoLatent(plan)].map((one) => dispatch(node, one, all, [groups, 'I', 'B'])),
      scratch: [scratch(marks, 'u32', ['B', 'I', groups])],
    };
  }
  const parts = columnParts(node, options, deal, { usesSubgroups: true, tokens: 1, joins: 1 });
  const split = dispatch(node, plan, { ...bind, ...parts.partials }, [groups, parts.count, 'B']);
  return { dispatches: [split, parts.join], scratch: parts.scratch };
}
