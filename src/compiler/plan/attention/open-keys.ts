import type { MaskShape } from '../../check/shaped-spec.ts';
import type { WorkgroupArray } from '../plan-base.ts';

/** Which keys it hides is said with each call. */
export const isMaskGiven = ({ padding, documents }: MaskShape): boolean => padding !== 'none' || documents;

/** What the lanes of a workgroup find out about such masks together: five numbers. */
export const openKeys = (mask: MaskShape, length = 5): readonly WorkgroupArray[] =>
  isMaskGiven(mask) ? [{ name: 'open_keys', element: 'atomic<u32>', length }] : [];
