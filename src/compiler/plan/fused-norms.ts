import type { AttnModule, LinearNode, Node, NormNode } from '../ir/nodes.ts';
import { usesOf } from '../ir/uses.ts';

/** Norms that a product of one row computes on the way: their rows need not be written for it. */
export interface FusedNorms {
  /** What the product reads its x through. */
  readonly of: (node: LinearNode) => NormNode | undefined;
  /** Nothing but products of this kind reads the norm's rows. */
  readonly isUnused: (node: NormNode, readers: 'of one row' | 'of logits') => boolean;
}

/**
 * An rms norm scales all entries of a row alike, but for γ: products can scale their sums instead. Every product reads the norm's own x then, so
 * nothing may write to that between the norm and its last reader.
 */
export function fuseNorms({ nodes, tensors }: AttnModule): FusedNorms {
  const normOf = new Map<LinearNode, NormNode>();
  const readersOf = new Map<NormNode, readonly LinearNode[]>();
  for (const [index, node] of nodes.entries()) {
    if (node.op !== 'norm' || !isScaling(node) || tensors.get(node.out)?.role !== 'activation') continue;
    const readers = readersAfter(node, nodes.slice(index + 1));
    if (readers === undefined || readers.length === 0) continue;
    readersOf.set(node, readers);
    for (const reader of readers) normOf.set(reader, node);
  }
  return {
    of: (node) => normOf.get(node),
    isUnused: (node, kind) => {
      const readers = readersOf.get(node);
      return readers !== undefined && (kind === 'of one row' || readers.every(({ logits }) => logits));
    },
  };
}

export const weightOfNorm = ({ weight, unitOffset }: NormNode) =>
  weight === undefined ? 'none' : unitOffset ? 'offset' : 'plain';

const isScaling = ({ kind, bias, accumulate, xWidth, rows }: NormNode): boolean =>
  kind === 'rms' && bias === undefined && !accumulate && xWidth === undefined && rows === undefined;

/** Undefined where something else reads the rows, or x changes before its last reader is done. */
function readersAfter(norm: NormNode, later: readonly Node[]): readonly LinearNode[] | undefined {
  const readers: LinearNode[] = [];
  let isChanged = false;
  for (const node of later) {
    const uses = usesOf(node);
    const writes = (tensor: string) => uses.some((use) => use.tensor === tensor && use.access !== 'read');
    if (uses.some((use) => use.tensor === norm.out && use.access !== 'write')) {
      isChanged ||= writes(norm.x);
      if (isChanged || node.op !== 'linear' || !takesNormed(node, norm)) return undefined;
      readers.push(node);
    }
    if (writes(norm.out)) break;
    isChanged ||= writes(norm.x);
  }
  return readers;
}

const takesNormed = (node: LinearNode, { out, width }: NormNode): boolean =>
  node.x === out && node.inWidth === width && node.inputHeads === undefined && node.rows === undefined;
