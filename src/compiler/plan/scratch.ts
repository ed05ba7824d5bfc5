import type { BufferDecl, Extent } from '../../runtime/abi1/definition.ts';
import { times } from './extents.ts';

/** A buffer that the plan adds to those of the module: what kernels of one node hand on to others of it. */
export const scratch = (name: string, dtype: BufferDecl['dtype'], shape: readonly Extent[]): BufferDecl => ({
  name,
  role: 'activation',
  dtype,
  shape,
});

/** Nodes use the scratch of one name in turn, and variants one or the other: where shapes differ, it has room for each of them. */
export function sharedScratch(buffers: readonly BufferDecl[]): readonly BufferDecl[] {
  const shapesOf = new Map<string, Map<string, BufferDecl>>();
  for (const buffer of buffers) {
    const shapes = shapesOf.get(buffer.name) ?? new Map<string, BufferDecl>();
    shapesOf.set(buffer.name, shapes.set(JSON.stringify(buffer.shape), buffer));
  }
  return [...shapesOf.values()].flatMap((shapes) => {
    const [first, ...others] = shapes.values();
    if (first === undefined || others.length === 0) return first ?? [];
    return { ...first, shape: [['max', ...[first, ...others].map(({ shape }) => times(...shape))] as const] };
  });
}
