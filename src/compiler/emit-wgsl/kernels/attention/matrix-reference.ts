import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { rowsOfMatrix } from '../../../plan/attention/matrix-plans.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { wgsl } from '../../wgsl.ts';
import type { AttentionParts } from './attention.ts';
import { splitsPrefix } from './matrix-tile.ts';

/**
 * The tile whose maximum the exponentials of a row are relative to. `first`: that of the walk, of which a row sees something if it sees
 * anything; `nearest`: that of the first row's own key, where biases may put distant keys far below near ones; `shared`: the first one of the
 * last row, of which all rows see something; `seen`: the first that a row sees something of, which every tile has to ask. A tile that was chosen
 * in spite of it costs no more than a mark.
 */
export type ReferenceTile = 'first' | 'nearest' | 'shared' | 'seen';

export function referenceTile(plan: AttentionMatrixPlan, { masks }: AttentionParts): ReferenceTile {
  if (masks.plain) return mayFall(plan) && !splitsPrefix(plan) ? 'nearest' : 'first';
  const { mask, heads } = plan;
  const tokens = Math.ceil(rowsOfMatrix(plan) / heads.queriesPerKv) + 1;
  const reaches = mask.window !== undefined && mask.window >= tokens && mask.memoryVisible === 'always';
  const isKnown = masks.shared !== undefined && !isMaskGiven(mask);
  return isKnown && mask.chunk === undefined && reaches ? 'shared' : 'seen';
}

/** With the distance of keys. With other biases that tile was no better, and kernels took twice as long to ask it. */
const mayFall = ({ alibiSlopes, score }: AttentionMatrixPlan) => alibiSlopes !== undefined || score !== undefined;

/** Later tiles may be 2²⁰ times as large before a weight leaves the range of f16. */
const above = (maximum: string) => `${maximum} + 4.0`;

/**
 * ALiBi lets a logit grow by a known amount from the tile to the row's own key: the reference of a row is that much higher. Where it turns
 * out too high, the row's weights are so small that it marks its workgroup. With a sink, or a cap around the bias, they would be anyway.
 */
export const raisesReference = (plan: AttentionMatrixPlan, parts: AttentionParts): boolean =>
  referenceTile(plan, parts) === 'nearest' &&
  plan.alibiSlopes !== undefined &&
  !plan.sinks &&
  plan.softcap?.order !== 'bias-cap';

export function referenceFunctions(plan: AttentionMatrixPlan, parts: AttentionParts): readonly string[] {
  if (plan.reference !== 'fixed' || referenceTile(plan, parts) !== 'nearest') return [];
  return [nearestTile, ...(raisesReference(plan, parts) ? [raiseOf] : [])];
}

const nearestTile = wgsl`
  /** Of the tiles from start on, the one that has the token's own key, or the last one. */
  fn nearest_tile(sequence: Sequence, token: u32, start: u32, columns: u32) -> u32 {
    let reached = min(PREFIX_COLUMNS + sequence.past + token + 1u, columns);
    return start + (max(reached, start + 1u) - start - 1u) / TILE_KEYS * TILE_KEYS;
  }`;

const raiseOf = wgsl`
  /** How far the bias of the nearest key that the row sees lies above that of the tile's. */
  fn raise_of(place: Place, sequence: Sequence, tile: u32, columns: u32) -> f32 {
    let nearest = min(i32(sequence.past + place.token), i32(columns - PREFIX_COLUMNS) - 1);
    let last = min(nearest, i32(tile + TILE_KEYS - PREFIX_COLUMNS) - 1);
    return -alibi(place.head, nearest - last) * LOG2E;
  }`;

/** After the scores of the tile at `column`. MASKED is so large that four are nothing. */
export function fixReference(column: string, raises: boolean): string {
  const raise = raises ? ` + raise_of(place, sequence, ${column}, columns)` : '';
  return `state.reference = ${above(`maximum_of(place, ${column})${raise}`)};`;
}

/** In functions that are given a pointer to the state. */
export const askReference = (maximum: string): string => wgsl`
  if (subgroupAny((*state).reference <= MASKED)) {
    (*state).reference = select((*state).reference, ${above(maximum)}, (*state).reference <= MASKED);
  }`;
