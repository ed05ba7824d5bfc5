import type { KeyColumns } from './shaped-spec.ts';

/** A run of key columns, in the one order that everything with a key axis follows. */
export type KeySegment = 'zero' | 'memory' | 'cache' | 'new';

/** `[zero | memory | cache | new]`: the only place that knows the order. */
export const keySegments: readonly KeySegment[] = Object.freeze(['zero', 'memory', 'cache', 'new']);

export function keyColumns(hasZero: boolean, memorySlots: number): KeyColumns {
  return Object.freeze({ zero: hasZero ? 1 : 0, memory: memorySlots });
}
