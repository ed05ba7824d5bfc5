import { dim } from '../check/dims.ts';
import type { AttentionShape, LatentShape } from '../check/shaped-spec.ts';
import type { AttentionPlace } from './attention-place.ts';
import { declareHooked } from './lower-hooks.ts';
import { lowerNorm } from './lower-norm.ts';
import { B, I, inLayer, type ModuleBuilder } from './module-builder.ts';

/** Expands the latent rows to ordinary heads: what follows does not know where they come from. Out: the names of q, k and v. */
export function lowerLatent(
  builder: ModuleBuilder,
  attention: AttentionShape,
  latent: LatentShape,
  place: AttentionPlace,
): { readonly q: string; readonly k: string; readonly v: string } {
  const { heads, headDim, valueDim } = attention;
  const { qRank, kvRank, nopeDim, ropeDim } = latent;
  const { x, width } = place.sources.q;
  const layer = inLayer(place.layer);
  const rows = (name: string, entries: number) => builder.declare(name, 'activation', 'f32', [B, I, dim(entries)]);
  const project = (name: string, from: string, inWidth: number, outWidth: number, out: string) => {
    const weight = builder.weight(`${place.at}attn.${name}.weight`);
    const flags = { accumulate: false, logits: false } as const;
    builder.add({ op: 'linear', x: from, inWidth, outWidth, weight, ...flags, out, ...layer });
    return out;
  };
  const normed = (name: string, from: string, rank: number, xWidth?: number) => {
    const out = rows(`${name}_latent_normed`, rank);
    const norm = { kind: 'rms', eps: latent.normEps, unitOffset: false, weight: true, bias: false } as const;
    const at = `${place.at}attn.${name}_a_norm`;
    lowerNorm(builder, norm, { at, width: rank, x: from, ...(xWidth !== undefined && { xWidth }), out, ...layer });
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
