import type { AttnModule, LinearNode, Node } from '../ir/nodes.ts';

/** Products that follow each other and read the same x, such as those of queries, keys and values: one kernel may make them all. */
export function joinProducts({ nodes }: AttnModule): ReadonlyMap<Node, readonly LinearNode[]> {
  const groups = new Map<Node, readonly LinearNode[]>();
  let group: readonly LinearNode[] = [];
  for (const node of nodes) {
    const continues = isBare(node) && group[0] !== undefined && readsAlike(group[0], node);
    group = continues ? [...group, node] : isBare(node) ? [node] : [];
    for (const member of group) groups.set(member, group);
  }
  return groups;
}

/** Nothing but a bias is added to the sums. */
const isBare = (node: Node): node is LinearNode =>
  node.op === 'linear' &&
  node.gate === undefined &&
  node.activation === undefined &&
  (node.clip ?? node.scale ?? node.softcap) === undefined &&
  node.inputHeads === undefined &&
  !node.accumulate &&
  !node.logits &&
  node.rows === undefined;

const readsAlike = (a: LinearNode, b: LinearNode): boolean =>
  a.x === b.x && a.inWidth === b.inWidth && a.layer === b.layer && a.out !== b.out && b.out !== a.x && a.out !== b.x;
