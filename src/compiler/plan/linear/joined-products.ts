import type { AttnModule, LinearNode, NormNode } from '../../ir/nodes.ts';
import type { FusedNorms } from '../fused-norms.ts';

/** Products of one x, such as queries, keys and values: one kernel of one row makes them all. */
export interface JoinedProducts {
  /** Those that this product's kernel makes too. */
  readonly with: (node: LinearNode) => readonly LinearNode[];
  /** Whether the kernel of an earlier product makes this one. */
  readonly isJoined: (node: LinearNode) => boolean;
}

/** @param buffers storage buffers that a kernel may bind */
export function joinProducts({ nodes, tensors }: AttnModule, norms: FusedNorms, buffers: number): JoinedProducts {
  const storageKind = ({ weight }: LinearNode) => {
    const tensor = tensors.get(weight);
    return JSON.stringify([tensor?.dtype, tensor?.weight?.quantization]);
  };
  const isLike = (node: LinearNode, leader: LinearNode) =>
    node.x === leader.x &&
    node.layer === leader.layer &&
    norms.of(node) === norms.of(leader) &&
    kindOf(node) === kindOf(leader) &&
    storageKind(node) === storageKind(leader);
  const groups: LinearNode[][] = [];
  let open: LinearNode[] = [];
  for (const node of nodes) {
    const [leader] = open;
    const isNext = node.op === 'linear' && isJoinable(node);
    if (isNext && leader && isLike(node, leader) && buffersOf([...open, node], norms.of(leader)) <= buffers) {
      open.push(node);
      continue;
    }
    open = isNext ? [node] : [];
    groups.push(open);
  }
  const others = new Map(groups.flatMap(([leader, ...rest]) => (leader ? [[leader, rest] as const] : [])));
  const joined = new Set([...others.values()].flat());
  return { with: (node) => others.get(node) ?? [], isJoined: (node) => joined.has(node) };
}

/** What it writes is its own, so that products may be made in any order. */
const isJoinable = ({ gate, inputHeads, accumulate, logits, rows }: LinearNode): boolean =>
  gate === undefined && inputHeads === undefined && !accumulate && !logits && rows === undefined;

/** What is done to the sums. */
const kindOf = ({ activation, clip, scale, softcap }: LinearNode) => JSON.stringify([activation, clip, scale, softcap]);

/** Bindings: x, the weight of its norm, and what each product has of its own. */
export function buffersOf(members: readonly LinearNode[], norm: NormNode | undefined): number {
  const own = members.map(({ bias }) => (bias === undefined ? 2 : 3));
  return own.reduce((sum, count) => sum + count, norm?.weight === undefined ? 1 : 2);
}
