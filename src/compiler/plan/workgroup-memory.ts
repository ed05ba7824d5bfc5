import type { WorkgroupArray } from './plan-base.ts';

const bytesOf = { f32: 4, u32: 4, vec2f: 8, vec4f: 16, vec4u: 16, vec4h: 8, 'atomic<u32>': 4 } as const;

export const workgroupBytes = (arrays: readonly WorkgroupArray[]): number =>
  arrays.reduce((sum, { element, length }) => sum + length * bytesOf[element], 0);

export const floats = (name: string, length: number): WorkgroupArray => ({ name, element: 'f32', length });
export const indices = (name: string, length: number): WorkgroupArray => ({ name, element: 'u32', length });
/** Scratch of a fold over all invocations: their parts, and runs of about √threads parts (a power of two). */
export const foldArrays = (threads: number): readonly WorkgroupArray[] => [
  floats('lanes', threads),
  floats('runs', 2 ** Math.ceil(Math.log2(threads) / 2)),
];

export const pairs = (name: string, length: number): WorkgroupArray => ({ name, element: 'vec2f', length });
export const vectors = (name: string, length: number): WorkgroupArray => ({ name, element: 'vec4f', length });
export const halfVectors = (name: string, length: number): WorkgroupArray => ({ name, element: 'vec4h', length });
/** Of 16 bytes: eight f16, or four f32. */
export const blocks = (name: string, length: number): WorkgroupArray => ({ name, element: 'vec4u', length });
