import type { Tensor } from '../compiler/oracle/tensor.ts';
import type { BufferDecl, ModuleFacts } from '../runtime/abi1/definition.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import type { Step } from '../runtime/abi1/workspace.ts';

type Layout = NonNullable<BufferDecl['layout']>;

/** A table of pages in which no page lies where it would without one. */
export function shuffledPages(
  { pageSize }: ModuleFacts,
  { batch, capacity }: Step,
): Uint32Array<ArrayBuffer> | undefined {
  if (pageSize === undefined) return undefined;
  const pages = batch * Math.ceil(capacity / pageSize);
  return Uint32Array.from({ length: pages }, (_, entry) => pages - 1 - entry);
}

/** The cache `[B, K, C, width]` of the reference as it lies on the device after a call, its pages as `shuffledPages` has them. */
export function toStored(cache: Tensor, layout: Layout, step: Step): Tensor {
  const { shape, rows } = storedRows(cache.shape, layout, step);
  const width = cache.shape.at(-1) ?? 1;
  const data = new Float64Array(elementCount(shape));
  for (const [row, stored] of rows) data.set(cache.data.subarray(row * width, (row + 1) * width), stored * width);
  return { shape, data };
}

/** Shape of what is on the device. */
export const storedShape = (shape: readonly number[], layout: Layout, step: Step): readonly number[] =>
  storedRows(shape, layout, step).shape;

/** What is on the device in the order of the reference; NaN in rows that the device has no more. */
export function fromStored(stored: Float64Array, shape: readonly number[], layout: Layout, step: Step) {
  const { rows } = storedRows(shape, layout, step);
  const width = shape.at(-1) ?? 1;
  const data = new Float64Array(elementCount(shape)).fill(Number.NaN);
  for (const [row, from] of rows) data.set(stored.subarray(from * width, (from + 1) * width), row * width);
  return { data, isKept: (row: number) => rows.has(row) };
}

/** For each row of the reference that is on the device, the device's. */
function storedRows([batch = 0, kvHeads = 0, capacity = 0, width = 0]: readonly number[], layout: Layout, step: Step) {
  const rows = new Map<number, number>();
  const pagesEach = layout.kind === 'paged' ? Math.ceil(capacity / layout.pageSize) : 0;
  const pages = batch * pagesEach;
  const shape =
    layout.kind === 'ring' ? [batch, kvHeads, layout.rows, width] : [pages, kvHeads, layout.pageSize, width];
  for (const [b, { past, count }] of step.sequences.entries()) {
    const total = past + count;
    const [from, to] = layout.kind === 'ring' ? [Math.max(0, total - layout.rows), total] : [0, capacity];
    for (let head = 0; head < kvHeads; head++) {
      for (let position = from; position < to; position++) {
        rows.set((b * kvHeads + head) * capacity + position, storedRow(b, head, position));
      }
    }
  }
  return { shape, rows };

  function storedRow(b: number, head: number, position: number): number {
    if (layout.kind === 'ring') return (b * kvHeads + head) * layout.rows + (position % layout.rows);
    const page = pages - 1 - (b * pagesEach + Math.floor(position / layout.pageSize));
    return (page * kvHeads + head) * layout.pageSize + (position % layout.pageSize);
  }
}
