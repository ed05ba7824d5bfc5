import type { AppendNode, AttnModule, HeadNorm, Node, QueryHeadsNode, Rotation } from '../../ir/nodes.ts';

/** Queries that the kernel which appends their layer's keys makes too: heads of few entries, and a launch less. */
export interface JoinedHeads {
  readonly queriesOf: (append: AppendNode) => QueryHeadsNode | undefined;
  readonly isJoined: (queries: QueryHeadsNode) => boolean;
}

/** @param buffers storage buffers that a kernel may bind */
export function joinHeads({ nodes }: AttnModule, buffers: number): JoinedHeads {
  const queries = new Map<AppendNode, QueryHeadsNode>();
  for (const [index, append] of nodes.entries()) {
    const before = nodes[index - 1];
    if (append.op !== 'append' || before?.op !== 'query_heads') continue;
    if (areAlike(before, append) && buffersOf(before) + buffersOf(append) <= buffers) queries.set(append, before);
  }
  const joined = new Set(queries.values());
  return { queriesOf: (append) => queries.get(append), isJoined: (node) => joined.has(node) };
}

const areAlike = (queries: QueryHeadsNode, append: AppendNode): boolean =>
  append.rows === undefined &&
  queries.rows === undefined &&
  queries.layer === append.layer &&
  queries.out !== append.k &&
  queries.headDim === append.headDim &&
  shapeOf(queries) === shapeOf(append);

/** Everything but the names of norms' weights. */
const shapeOf = ({ norms, rotation }: { readonly norms: readonly HeadNorm[]; readonly rotation?: Rotation }) =>
  JSON.stringify([norms.map(({ tensor, biasTensor, ...shape }) => shape), rotation]);

/** The table of rotations is counted with the keys. */
function buffersOf(node: Node & (QueryHeadsNode | AppendNode)): number {
  const weights = node.norms.flatMap(({ tensor, biasTensor }) => [tensor, biasTensor].filter((name) => name));
  if (node.op === 'query_heads') return 2 + weights.length;
  const own = [node.k, node.v, node.kCache, node.vCache, node.pages, node.rotation].filter((one) => one !== undefined);
  return own.length + weights.length;
}
