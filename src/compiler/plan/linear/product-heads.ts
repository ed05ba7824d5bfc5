import type { AppendNode, AttnModule, LinearNode, Node, QueryHeadsNode } from '../../ir/nodes.ts';
import { usesOf } from '../../ir/uses.ts';
import type { FusedNorms } from '../fused-norms.ts';
import { cachePlan } from '../heads/cache-layout.ts';
import type { JoinedHeads } from '../heads/joined-heads.ts';
import { rotationPlan } from '../heads/rotation-plan.ts';
import type { Rejection } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { buffersOf, type JoinedProducts } from './joined-products.ts';
import type { ProductHeadsPlan } from './kernel-plan.ts';

/** Queries, keys and values which the kernel of one row that multiplies them rotates and stores, too: a launch less. */
export interface ProductHeads {
  /** By the first of the products. */
  readonly of: (leader: LinearNode) => StoredHeads | undefined;
  /** Whether such a kernel does what the node asks for. */
  readonly isStored: (node: AppendNode | QueryHeadsNode) => boolean;
  /** Why the node has a kernel of its own. */
  readonly rejected: (node: AppendNode) => readonly Rejection[];
}

export interface StoredHeads {
  readonly append: AppendNode;
  /** Absent where another kernel makes them. */
  readonly queries?: QueryHeadsNode;
}

/** What is planned before. */
interface Joined {
  readonly norms: FusedNorms;
  readonly products: JoinedProducts;
  readonly heads: JoinedHeads;
}

export function storeProducts(module: AttnModule, joined: Joined, profile: TargetProfile): ProductHeads {
  const storedBy = new Map<LinearNode, StoredHeads>();
  const reasons = new Map<Node, string>();
  for (const append of module.nodes) {
    if (append.op !== 'append' || append.rows !== undefined) continue;
    const queries = joined.heads.queriesOf(append);
    const heads = { append, ...(queries && { queries }) };
    const leader = leaderOf(module, joined.products, heads);
    const reason = reasonOfHeads(append, profile) ?? reasonOfProducts(leader, heads, joined, profile);
    if (reason !== undefined) reasons.set(append, reason);
    else if (leader !== undefined) storedBy.set(leader, heads);
  }
  const stored = new Set<Node | undefined>([...storedBy.values()].flatMap(({ append, queries }) => [append, queries]));
  return {
    of: (leader) => storedBy.get(leader),
    isStored: (node) => stored.has(node),
    rejected: (node) => {
      const reason = reasons.get(node);
      return reason === undefined ? [] : [{ variant: 'linear_row', reason }];
    },
  };
}

/** Products from `leader` on which one kernel makes, if nothing but these heads reads what they leave of queries, keys and values. */
function leaderOf(
  { nodes, tensors }: AttnModule,
  { with: joinedTo }: JoinedProducts,
  { append, queries }: StoredHeads,
): LinearNode | undefined {
  const at = nodes.indexOf(append);
  const given = [append.k, append.v, ...(queries ? [queries.x] : [])];
  const leader = nodes.slice(0, at).findLast((node): node is LinearNode => {
    if (node.op !== 'linear') return false;
    const made = new Set([node, ...joinedTo(node)].map(({ out }) => out));
    return given.every((tensor) => tensor !== undefined && made.has(tensor));
  });
  if (leader === undefined) return undefined;
  const own = new Set<Node | undefined>([leader, ...joinedTo(leader), queries]);
  const isFree = (tensor: string | undefined) =>
    tensor !== undefined && tensors.get(tensor)?.role === 'activation' && !isReadLater(tensor, nodes.slice(at + 1));
  const isNext = nodes.slice(nodes.indexOf(leader), at).every((node) => own.has(node));
  return isNext && given.every(isFree) ? leader : undefined;
}

/** Before it is written again. */
function isReadLater(tensor: string, later: readonly Node[]): boolean {
  for (const node of later) {
    const use = usesOf(node).find((one) => one.tensor === tensor);
    if (use !== undefined) return use.access !== 'write';
  }
  return false;
}

/** A workgroup has a few entries of a head, and stores each by itself. */
function reasonOfHeads(append: AppendNode, { features }: TargetProfile): string | undefined {
  const { norms, valueNorm, rotation, headDim, valueDim, cacheDtype } = append;
  if (norms.length > 0 || valueNorm !== undefined) return 'norms of heads need whole heads';
  if (cacheDtype === 'int8') return 'rows of int8 need the largest entry of a head';
  if (cacheDtype === 'f16' && !features.includes('shader-f16')) return 'two entries of the cache share a word';
  if (headDim % 4 > 0 || valueDim % 4 > 0) return 'rows of the cache are padded';
  if (rotation && (rotation.firstHead > 0 || rotation.firstEntry)) return 'some heads or first entries are not rotated';
  return undefined;
}

function reasonOfProducts(
  leader: LinearNode | undefined,
  { append }: StoredHeads,
  { products, norms }: Joined,
  { limits }: TargetProfile,
): string | undefined {
  if (leader === undefined) return 'queries, keys and values are not left to one kernel';
  const most = limits.maxStorageBuffersPerShaderStage;
  const tables = [append.rotation, append.pages].filter((one) => one !== undefined).length;
  const needed = buffersOf([leader, ...products.with(leader)], norms.of(leader)) + tables;
  return needed > most ? `it would bind ${needed} storage buffers, the target has ${most}` : undefined;
}

/** What becomes of a product. */
export function madeBy({ out }: LinearNode, { append, queries }: StoredHeads): ProductHeadsPlan['makes'][number] {
  if (out === append.k) return 'keys';
  if (out === append.v) return 'values';
  return out === queries?.x ? 'queries' : 'rows';
}

export function planProductHeads(products: readonly LinearNode[], heads: StoredHeads): ProductHeadsPlan {
  const { kvHeads, headDim, valueDim, rotation, cacheDtype, cacheLayout } = heads.append;
  return {
    makes: products.map((product) => madeBy(product, heads)),
    kvHeads,
    headDim,
    valueDim,
    ...rotationPlan(rotation),
    cache: cacheDtype === 'f16' ? 'f16' : 'f32',
    ...cachePlan(cacheLayout),
  };
}
