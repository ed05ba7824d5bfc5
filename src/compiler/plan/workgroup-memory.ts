import type { WorkgroupArray } from './kernel-plan.ts';

const bytesOf = { f32: 4, vec4f: 16 } as const;

export const workgroupBytes = (arrays: readonly WorkgroupArray[]): number =>
  arrays.reduce((sum, { element, length }) => sum + length * bytesOf[element], 0);

export const floats = (name: string, length: number): WorkgroupArray => ({ name, element: 'f32', length });
export const vectors = (name: string, length: number): WorkgroupArray => ({ name, element: 'vec4f', length });
