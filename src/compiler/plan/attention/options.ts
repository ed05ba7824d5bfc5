import { type Expression, find, mentions } from '../../expression/tree.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { cachePlan } from '../heads/cache-layout.ts';
import type { AttentionOptions } from './kernel-plan.ts';
import { alibiSlopes, t5Plan } from './position-biases.ts';

/** What all forms of a node's attention have to agree on. */
export function attentionOptions(
  node: AttentionNode,
  storages: Pick<AttentionOptions, 'queries' | 'keys' | 'out'>,
): AttentionOptions {
  const { heads, headDim, valueDim, similarity, scale, mask, columns, keyLayout } = node;
  const { softcap, bias, alibi, t5, sinks, score, parameters } = node;
  const { numbers, ...group } = heads;
  const allHeads = numbers?.of.qHeads ?? heads.qHeads;
  const ofHeads = (slopes: readonly number[]) => numbers?.q.map((head) => slopes[head] ?? 0) ?? slopes;
  return {
    heads: numbersMatter(node) ? heads : group,
    ...activePlan(node),
    headDim,
    valueDim,
    similarity,
    scale,
    mask,
    columns,
    ...(softcap && { softcap }),
    ...(bias && { bias: { perBatch: bias.perBatch, perHead: bias.perHead } }),
    ...(alibi && { alibiSlopes: ofHeads(alibiSlopes(alibi, allHeads)) }),
    ...(usesSlopes(node) && {
      headSlopes: alibiSlopes({ kind: 'alibi', heads: allHeads, scale: 1 }, allHeads),
    }),
    ...(t5 && { t5: t5Plan(t5) }),
    ...(score && { score }),
    parameters: parameters.map(({ name }) => name),
    sinks: sinks !== undefined,
    ...storages,
    keyLayout,
    ...(node.v === undefined && { valuesInKeys: true }),
    ...cachePlan(node.cacheLayout),
  };
}

/** The kernel counts heads as the spec does; else kernels of other heads are the same. */
function numbersMatter({ score, mask, bias }: AttentionNode): boolean {
  const written = [score, mask.where?.condition].filter((one) => one !== undefined);
  return bias?.perHead === true || written.some((one) => mentions(one, 'h', 'kv'));
}

/** An expression names `alibi_slope`. */
function usesSlopes({ score, mask }: AttentionNode): boolean {
  const isSlope = (part: Expression) => part.kind === 'call' && part.function === 'alibi_slope';
  return [score, mask.where?.condition].some((one) => one !== undefined && find(one, isSlope) !== undefined);
}

/** Static lists are part of the kernel; a mask is read by it. */
export function activePlan({ active }: AttentionNode): Pick<AttentionOptions, 'active'> {
  return active === undefined ? {} : { active: 'mask' in active ? 'runtime' : active };
}
