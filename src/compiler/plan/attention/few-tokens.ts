import type { Extent } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { times } from '../extents.ts';
import type { PlannedDispatch } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { type Form, fusedBindings, inputsOf, restObstacle, tooMany } from './form.ts';
import type { AttentionOptions } from './kernel-plan.ts';
import { columnParts } from './parts.ts';
import { planAttentionSplitSubgroups } from './split-plans.ts';

/** Of a KV head: where calls have no more rows, as those that check a draft, keys are dealt to many workgroups. */
export const mostFewRows = 64;

/** Of tokens that are worked on one by one: a tile reads keys once for all of them. */
const mostSplitTokens = 16;

/** A form for calls of few tokens, with no workgroups in others. */
export interface FewTokens extends Required<Pick<Form, 'dispatches' | 'scratch'>> {
  readonly mostTokens: number;
}

/** 1 in calls of so many tokens at most, else 0. */
export const isFew = (mostTokens: number): Extent => ['min', 1, ['less', mostTokens + 1, 'I']];
const isMany = (mostTokens: number): Extent => ['min', 1, ['less', 'I', mostTokens]];

/** `many` leaves calls of few tokens to `few`. Its dispatches stay the first: what tuning tries a node on. */
export function besideFew(many: Form, few: FewTokens | undefined): Form {
  if (few === undefined) return many;
  const others = many.dispatches.map((one): PlannedDispatch => {
    const [x, y, z] = one.grid;
    return { ...one, grid: [times(isMany(few.mostTokens), x), y, z] };
  });
  return {
    ...many,
    dispatches: [...others, ...few.dispatches],
    scratch: [...(many.scratch ?? []), ...few.scratch],
  };
}

/** Each token by itself, as in decoding. */
export function splitFewTokens(
  node: AttentionNode,
  options: AttentionOptions,
  profile: TargetProfile,
): FewTokens | undefined {
  const { kvHeads, queriesPerKv } = node.heads;
  const mostTokens = Math.min(mostSplitTokens, Math.floor(mostFewRows / queriesPerKv));
  const isUnfit =
    node.cross === true || restObstacle(node) !== undefined || options.mask.padding === 'keys_and_queries';
  if (isUnfit || mostTokens < 2 || tooMany(fusedBindings(node), profile) !== undefined) return undefined;
  const choice = planAttentionSplitSubgroups(options, profile);
  if ('reason' in choice) return undefined;
  // Tokens share the workgroups that keep a device busy.
  const deal = { ...choice.deal, parts: Math.ceil(choice.deal.parts / 4) };
  const few = isFew(mostTokens);
  const tokens: Extent = ['min', 'I', mostTokens];
  const { count, partials, join, scratch } = columnParts(node, options, deal, {
    usesSubgroups: true,
    tokens,
    joins: few,
  });
  const { scores, logits, values } = inputsOf(node);
  const workgroups = kvHeads * Math.ceil(queriesPerKv / 4);
  const split = dispatch(node, { ...choice.plan, fewTokens: true }, { ...scores, ...logits, ...values, ...partials }, [
    times(few, workgroups),
    count,
    times('B', tokens),
  ]);
  return { mostTokens, dispatches: [split, join], scratch };
}
