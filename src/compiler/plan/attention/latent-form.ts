import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv } from '../extents.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';
import { type Attempt, allHeads, fusedBindings, inputsOf, present, tooMany, whole } from './form.ts';
import type { AttentionLatentPlan, AttentionOptions } from './kernel-plan.ts';
import { planAttentionLatent, redoLatent } from './latent-plans.ts';
import { sharesOf } from './shares.ts';

/** Heads of a token are the rows of products; of one token the columns are dealt out. */
export function latentForm(
  node: AttentionNode,
  options: AttentionOptions,
  profile: TargetProfile,
  leaves: AttentionLatentPlan['leaves'],
): Attempt {
  const reason = whole(node) ?? allHeads(node) ?? tooMany(fusedBindings(node) + present(node.sinks), profile);
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
  const {
    count,
    partials,
    join,
    scratch: shares,
  } = sharesOf(node, options, deal, {
    usesSubgroups: true,
    tokens: 1,
    joins: 1,
  });
  return { dispatches: [dispatch(node, plan, { ...bind, ...partials }, [groups, count, 'B']), join], scratch: shares };
}
