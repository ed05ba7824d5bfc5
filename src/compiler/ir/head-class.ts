import type { AttentionShape, HeadClass, HeadNumbers, WeightShape } from '../check/shaped-spec.ts';
import type { WeightPart } from './nodes.ts';

/** The attention that a class of heads is by itself. Its heads are counted KV head by KV head. */
export function attentionOfClass(attention: AttentionShape, { numbers, cacheDtype }: HeadClass): AttentionShape {
  const { classes: _, activeHeads: __, rope, ...rest } = attention;
  const [qHeads, kvHeads] = [numbers.q.length, numbers.kv.length];
  const heads = { qHeads, kvHeads, queriesPerKv: qHeads / kvHeads, order: 'blocked', numbers } as const;
  return { ...rest, heads, cacheDtype, ...ropeOfClass(rope, numbers) };
}

/** Where only the last heads are rotated, there is a KV head for each query head. */
function ropeOfClass(rope: AttentionShape['rope'], { q, of }: HeadNumbers): Pick<AttentionShape, 'rope'> {
  if (rope?.lastHeads === undefined) return rope === undefined ? {} : { rope };
  const first = of.qHeads - rope.lastHeads;
  const lastHeads = q.filter((head) => head >= first).length;
  return lastHeads === 0 ? {} : { rope: { ...rope, lastHeads } };
}

/** KV heads that have a cache, by its dtype; those that no active query head reads have none. */
export function cachedHeads({ classes, heads, cacheDtype }: AttentionShape) {
  if (classes === undefined) return [{ kvHeads: heads.kvHeads, dtype: cacheDtype }];
  return classes.map(({ numbers, cacheDtype: dtype }) => ({ kvHeads: numbers.kv.length, dtype }));
}

/** What these heads need of a weight; undefined for one that is not made of heads. */
export function partOfHeads({ shape, setBy }: WeightShape, { q, kv, of }: HeadNumbers): WeightPart | undefined {
  const axis = setBy.findIndex((option) => option === 'attention.q_heads' || option === 'attention.kv_heads');
  if (axis === -1) return undefined;
  const [numbers, count] = setBy[axis] === 'attention.q_heads' ? [q, of.qHeads] : [kv, of.kvHeads];
  const size = (shape[axis] ?? 0) / count;
  return { axis, size, starts: numbers.map((head) => head * size) };
}

/** The shape of a part. */
export function shapeOfPart(shape: readonly number[], part: WeightPart | undefined): readonly number[] {
  return part === undefined ? shape : shape.with(part.axis, part.size * part.starts.length);
}
