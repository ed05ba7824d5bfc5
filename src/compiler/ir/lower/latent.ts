import { dim } from '../../check/dims.ts';
import type { AttentionShape, LatentShape } from '../../check/shaped-spec.ts';
import { type Expression, operandsOf, withOperands } from '../../expression/tree.ts';
import type { AttentionPlace } from './attention-place.ts';
import { declareHooked } from './hooks.ts';
import { B, I, inLayer, type ModuleBuilder } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

/**
 * Makes q, k and v from latent rows: what follows does not know where they come from. Where latent rows are cached, they are the keys
 * of one head, whose first entries are its values, and q is in their space; see `latentView`.
 */
export function lowerLatent(
  builder: ModuleBuilder,
  attention: AttentionShape,
  latent: LatentShape,
  place: AttentionPlace,
): { readonly q: string; readonly k: string; readonly v?: string } {
  const { heads, headDim, valueDim } = attention;
  const { qRank, kvRank, nopeDim, ropeDim } = latent;
  const { x, width } = place.sources.q;
  const layer = inLayer(place.layer);
  const rows = (name: string, entries: number) => builder.declare(name, 'activation', 'f32', [B, I, dim(entries)]);
  const project = (name: string, from: string, inWidth: number, outWidth: number, out: string) => {
    const weight = builder.weight(`${place.at}attn.${name}.weight`);
    const isDown = name.endsWith('_a') && latent.bias;
    const bias = isDown ? { bias: builder.weight(`${place.at}attn.${name}.bias`) } : {};
    const flags = { accumulate: false, logits: false } as const;
    builder.add({ op: 'linear', x: from, inWidth, outWidth, weight, ...bias, ...flags, out, ...layer });
    return out;
  };
  const normed = (name: string, from: string, rank: number, xWidth?: number, rest?: true) => {
    const out = rows(`${name}_latent_normed`, rest ? (xWidth ?? rank) : rank);
    const norm = { kind: 'rms', eps: latent.normEps, unitOffset: false, weight: true, bias: false } as const;
    const at = `${place.at}attn.${name}_a_norm`;
    lowerNorm(builder, norm, {
      at,
      width: rank,
      x: from,
      ...(xWidth !== undefined && { xWidth }),
      ...(rest && { rest }),
      out,
      ...layer,
    });
    return out;
  };
  const hooked = (hook: 'q' | 'k' | 'v', width: number) =>
    declareHooked(builder, attention, place.at, {
      hook,
      scratch: `${hook}_proj`,
      shape: [B, I, dim(heads.qHeads), dim(width)],
    });
  const q = hooked('q', headDim);
  if (qRank === undefined) project('q', x, width, heads.qHeads * headDim, q);
  else {
    const rowsOfQueries = project('q_a', x, width, qRank, rows('q_latent', qRank));
    project('q_b', normed('q', rowsOfQueries, qRank), qRank, heads.qHeads * headDim, q);
  }
  const wide = kvRank + ropeDim;
  const latentRows = project('kv_a', x, width, wide, rows('kv_latent', wide));
  if (latent.cache === 'latent') {
    const out = builder.declare('q_in_latent', 'activation', 'f32', [B, I, dim(heads.qHeads), dim(wide)]);
    builder.add({
      op: 'latent_queries',
      q,
      ...expansion(builder, attention, latent, place),
      sharedDim: ropeDim,
      out,
      ...layer,
    });
    return { q: out, k: normed('kv', latentRows, kvRank, wide, true) };
  }
  const expanded = heads.kvHeads * (nopeDim + valueDim);
  const made = project('kv_b', normed('kv', latentRows, kvRank, wide), kvRank, expanded, rows('kv_proj', expanded));
  const k = hooked('k', headDim);
  const v = hooked('v', valueDim);
  builder.add({
    op: 'latent_heads',
    x: made,
    latent: latentRows,
    heads: heads.kvHeads,
    rank: kvRank,
    ownDim: nopeDim,
    sharedDim: ropeDim,
    valueDim,
    k,
    out: v,
    ...layer,
  });
  return { q, k, v };
}

/** What the kernels see where latent rows are cached: one KV head of them for all query heads, which turns behind its first entries. */
export function latentView(attention: AttentionShape, { kvRank, ropeDim }: LatentShape): AttentionShape {
  const { heads, rope, score, mask } = attention;
  const { where } = mask;
  return {
    ...attention,
    heads: { qHeads: heads.qHeads, kvHeads: 1, queriesPerKv: heads.qHeads, order: 'blocked' },
    headDim: kvRank + ropeDim,
    valueDim: kvRank,
    ...(rope && { rope: { ...rope, firstEntry: kvRank } }),
    ...(score && { score: byQueryHead(score) }),
    ...(where && { mask: { ...mask, where: { ...where, condition: byQueryHead(where.condition) } } }),
  };
}

/** Of latent heads each query head has its own KV head, of the same number. */
function byQueryHead(expression: Expression): Expression {
  if (expression.kind === 'name' && expression.name === 'kv') return { ...expression, name: 'h' };
  return withOperands(expression, operandsOf(expression).map(byQueryHead));
}

/** What was found in the latent space `[B, I, H, rank]`, as values of heads. */
export function lowerLatentValues(
  builder: ModuleBuilder,
  attention: AttentionShape,
  latent: LatentShape,
  place: AttentionPlace,
  { z, out }: { readonly z: string; readonly out: string },
): void {
  const parts = expansion(builder, attention, latent, place);
  builder.add({ op: 'latent_values', z, ...parts, out, ...inLayer(place.layer) });
}

function expansion(
  builder: ModuleBuilder,
  { heads, valueDim }: AttentionShape,
  { kvRank, nopeDim }: LatentShape,
  { at }: AttentionPlace,
) {
  const weight = builder.weight(`${at}attn.kv_b.weight`);
  return { weight, heads: heads.qHeads, rank: kvRank, ownDim: nopeDim, valueDim };
}
