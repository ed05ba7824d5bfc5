import type { MaskShape } from '../check/shaped-spec.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import { contextStep, read, type Step } from './step.ts';
import type { Tensor } from './tensor.ts';

/** A key column that a query sees. Only columns of the sequence have a position; the zero column has no key and no value. */
export type KeyColumn =
  | { readonly kind: 'zero' }
  | { readonly kind: 'memory'; readonly slot: number }
  | { readonly kind: 'sequence'; readonly at: number };

/** The columns `[zero | memory | sequence]` that the query at `position` sees: none when the query itself is hidden. */
export type ColumnsOf = (sequence: number, position: number) => readonly KeyColumn[];

export function columnsOf(node: AttentionNode, step: Step): ColumnsOf {
  const { columns, mask } = node;
  const keys = node.cross ? contextStep(step) : step;
  const shown = keyMaskOf(node, step);
  const together = documentsOf(node, step);
  return (sequence, position) => {
    if (mask.padding === 'keys_and_queries' && !(position >= 0 && shown(sequence, position))) return [];
    const memoryInReach = (at: number) => mask.memoryVisible === 'always' || inWindow(mask, position, at);
    const visible: KeyColumn[] = [];
    if (columns.zero === 1 && memoryInReach(-columns.memory - 1)) visible.push({ kind: 'zero' });
    for (let slot = 0; slot < columns.memory; slot++) {
      if (memoryInReach(slot - columns.memory)) visible.push({ kind: 'memory', slot });
    }
    const prefix = mask.prefix === 'runtime' ? (step.prefix[sequence] ?? 0) : (mask.prefix ?? 0);
    const end = (keys.past[sequence] ?? 0) + (keys.counts[sequence] ?? 0);
    for (let at = 0; at < end; at++) {
      const reached = at < prefix || inReach(mask, position, at);
      if (reached && shown(sequence, at) && together(sequence, position, at)) visible.push({ kind: 'sequence', at });
    }
    return visible;
  };
}

const inWindow = ({ window }: MaskShape, position: number, at: number) =>
  window === undefined || position - at < window;

/** What the masks that compare positions say of one key. */
function inReach(mask: MaskShape, position: number, at: number): boolean {
  if (mask.causal && at > position) return false;
  if (mask.chunk !== undefined && Math.floor(at / mask.chunk) !== Math.floor(position / mask.chunk)) return false;
  return inWindow(mask, position, at);
}

/** Whether the tokens at two positions are of one document. A query that stands before the first key is of none. */
function documentsOf(node: AttentionNode, step: Step): (sequence: number, position: number, at: number) => boolean {
  if (node.documents === undefined) return () => true;
  const { data, shape } = read(step, node.documents);
  const tokens = shape[1] ?? 0;
  return (sequence, position, at) =>
    position >= 0 && data[sequence * tokens + position] === data[sequence * tokens + at];
}

function keyMaskOf({ keyMask }: AttentionNode, step: Step): (sequence: number, at: number) => boolean {
  if (keyMask === undefined) return () => true;
  const { data, shape } = read(step, keyMask);
  const keys = shape[1] ?? 0;
  return (sequence, at) => {
    if (at >= keys) throw new RangeError(`${keyMask} has ${keys} columns, key ${at} needs one`);
    return data[sequence * keys + at] !== 0;
  };
}

/** Row of the key at position j: `[B, K, C]` in a cache, `[B, J, K]` when the app gives the keys. */
export function rowIndex(node: AttentionNode, k: Tensor): (sequence: number, kvHead: number, j: number) => number {
  const { kvHeads } = node.heads;
  if (node.keyLayout === 'tokens-first') {
    const length = k.shape[1] ?? 0;
    return (sequence, kvHead, j) => (sequence * length + j) * kvHeads + kvHead;
  }
  const capacity = k.shape[2] ?? 0;
  return (sequence, kvHead, j) => (sequence * kvHeads + kvHead) * capacity + j;
}
