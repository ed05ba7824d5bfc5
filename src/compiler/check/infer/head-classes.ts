import type { AttentionShape, CacheDtype, HeadClass, HeadGroup } from '../shaped-spec.ts';

/**
 * Query heads that are active, by the precision of their caches and by how many of them share a KV head: each class is an attention of its own,
 * with whole groups, that adds to the output. KV heads that serve none are in no class. Undefined where all heads are one class, or
 * where an option needs all of them at once; heads that are not active are then left out by the attention kernels alone.
 * @param isWhole values of the first layer are mixed into those of others, or matrices are of integers, which are not cut
 */
export function headClasses(attention: AttentionShape, isWhole: boolean): readonly HeadClass[] | undefined {
  const { activeHeads, cacheRanges = [], heads, cacheDtype } = attention;
  if (cacheRanges.length === 0 && (!Array.isArray(activeHeads) || isWhole || needsAllHeads(attention)))
    return undefined;
  const isActive = (head: number) => !Array.isArray(activeHeads) || activeHeads.includes(head);
  const dtypeOf = (kvHead: number): CacheDtype =>
    cacheRanges.find(({ kvHeads }) => kvHeads.includes(kvHead))?.dtype ?? cacheDtype;
  const classes = new Map<string, { q: number[]; kv: number[]; cacheDtype: CacheDtype }>();
  for (let kvHead = 0; kvHead < heads.kvHeads; kvHead++) {
    const members = queriesOf(kvHead, heads).filter(isActive);
    if (members.length === 0) continue;
    const dtype = dtypeOf(kvHead);
    const key = `${dtype} ${members.length}`;
    const own = classes.get(key) ?? { q: [], kv: [], cacheDtype: dtype };
    own.q.push(...members);
    own.kv.push(kvHead);
    classes.set(key, own);
  }
  if (classes.size > 1 && attention.gates.outputGlu) return undefined;
  const of = { qHeads: heads.qHeads, kvHeads: heads.kvHeads };
  return Object.freeze(
    [...classes.values()].map((one) =>
      Object.freeze({ numbers: { q: one.q, kv: one.kv, of }, cacheDtype: one.cacheDtype }),
    ),
  );
}

/** What is returned has an axis of all heads, what is given has one, a norm is over them together, or what is cached serves all. */
function needsAllHeads({ inputs, hooks, qkNorms, latent }: AttentionShape): boolean {
  return (
    inputs !== 'hidden' ||
    hooks.length > 0 ||
    latent?.cache === 'latent' ||
    qkNorms.some(({ weight }) => weight === 'projection')
  );
}

function queriesOf(kvHead: number, { queriesPerKv, kvHeads, order }: HeadGroup): readonly number[] {
  return Array.from({ length: queriesPerKv }, (_, g) =>
    order === 'blocked' ? kvHead * queriesPerKv + g : g * kvHeads + kvHead,
  );
}
