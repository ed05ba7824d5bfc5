import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { rowsOfMatrix } from '../../../plan/attention/matrix-plans.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { wgsl } from '../../wgsl.ts';
import type { AttentionParts } from './attention.ts';

/**
 * The tile whose maximum the exponentials of a row are relative to. `first`: that of the walk, of which a row sees something if it sees
 * anything; `shared`: the first one of the last row, of which all rows see something; `seen`: the first that a row sees something of, which
 * every tile has to ask. A tile that was chosen in spite of it costs no more than a mark.
 */
export type ReferenceTile = 'first' | 'shared' | 'seen';

export function referenceTile(plan: AttentionMatrixPlan, { masks }: AttentionParts): ReferenceTile {
  if (masks.plain) return 'first';
  const { mask, heads } = plan;
  const tokens = Math.ceil(rowsOfMatrix(plan) / heads.queriesPerKv) + 1;
  const reaches = mask.window !== undefined && mask.window >= tokens && mask.memoryVisible === 'always';
  const isKnown = masks.shared !== undefined && !isMaskGiven(mask);
  return isKnown && mask.chunk === undefined && reaches ? 'shared' : 'seen';
}

/** Later tiles may be 2²⁰ times as large before a weight leaves the range of f16. */
const above = (maximum: string) => `${maximum} + 4.0`;

/** After the scores of the tile at `column`. MASKED is so large that four are nothing. */
export const fixReference = (column: string): string => `state.reference = ${above(`maximum_of(place, ${column})`)};`;

/** In functions that are given a pointer to the state. */
export const askReference = (maximum: string): string => wgsl`
  if (subgroupAny((*state).reference <= MASKED)) {
    (*state).reference = select((*state).reference, ${above(maximum)}, (*state).reference <= MASKED);
  }`;
