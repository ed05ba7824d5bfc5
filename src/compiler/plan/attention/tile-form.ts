import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv, times } from '../extents.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';
import { besideFew, splitFewTokens } from './few-tokens.ts';
import {
  type Attempt,
  countPresent,
  type Form,
  fusedBindings,
  fusionObstacle,
  inputsOf,
  ordering,
  tooMany,
} from './form.ts';
import type { AttentionOptions } from './kernel-plan.ts';
import { exactTile, planAttentionTile } from './tile-plans.ts';

/** Tiles in workgroup memory, and a second kernel for what products of f16 know too coarsely. */
export function tileForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const { kvHeads, queriesPerKv } = node.heads;
  const bindings = fusedBindings(node, 1) + countPresent(node.sinks);
  const reason = fusionObstacle(node) ?? tooMany(bindings, profile);
  if (reason !== undefined) return { reason };
  const spareBuffers = profile.limits.maxStorageBuffersPerShaderStage - bindings;
  const choice = planAttentionTile(options, profile, spareBuffers);
  if ('reason' in choice) return choice;
  const { plan, rejected } = choice;
  const tiles = ceilDiv(times('I', queriesPerKv), plan.tileRows);
  const marks = plan.marks && `marks_${kvHeads}_${plan.tileRows}`;
  const { scores, order, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...order, ...logits, ...sinks, ...values, out: node.out, marks };
  const before = ordering(node);
  const plans = marks === undefined ? [plan] : [plan, exactTile(plan, profile.limits)];
  const marked = marks === undefined ? [] : [scratch(marks, 'u32', ['B', tiles, kvHeads])];
  const many: Form = {
    dispatches: [...before.dispatches, ...plans.map((one) => dispatch(node, one, bind, [kvHeads, tiles, 'B']))],
    scratch: [...before.scratch, ...marked],
    rejected,
  };
  return besideFew(many, splitFewTokens(node, options, profile));
}
