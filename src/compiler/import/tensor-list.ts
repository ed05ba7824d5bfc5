import type { SpecDraft } from './draft.ts';
import type { ConfigObject } from './fields.ts';

/** A bias `[I, J]`, `[H, I, J]` or `[B, H, I, J]` is the same along leading axes that are missing or 1. Default: one for each head. */
export function biasDraft(tensors: ConfigObject, name: string): SpecDraft {
  const shape = shapeOf(tensors, name);
  return { batch: (shape?.at(-4) ?? 1) !== 1, heads: shape === undefined || (shape.at(-3) ?? 1) !== 1 };
}

/** Shape of a tensor in a list `{ name: [dtype, shape] }`. */
export function shapeOf(tensors: ConfigObject, name: string): readonly number[] | undefined {
  const entry = tensors[name];
  const shape: unknown = Array.isArray(entry) ? entry[1] : undefined;
  return Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent)) ? shape : undefined;
}
