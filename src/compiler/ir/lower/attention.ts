import { ceilDiv, dim } from '../../check/dims.ts';
import type { AttentionShape, CacheLayout } from '../../check/shaped-spec.ts';
import { attentionOfClass } from '../head-class.ts';
import { attentionParts } from './attention-parts.ts';
import type { AttentionPlace } from './attention-place.ts';
import { headNormsOf, rotationOf, withTensor } from './head-parts.ts';
import { declareHooked, lowerResult } from './hooks.ts';
import { declareInputs } from './inputs.ts';
import { latentView, lowerLatent, lowerLatentValues } from './latent.ts';
import { B, C, classPrefix, I, inLayer, J, type ModuleBuilder, rowAxes } from './module-builder.ts';
import { lowerGates, lowerOutput } from './outputs.ts';
import { projectAll } from './projections.ts';

export function lowerAttentionAlone(builder: ModuleBuilder, attention: AttentionShape): void {
  if (attention.inputs === 'heads') {
    lowerGivenHeads(builder, attention);
    return;
  }
  const { hidden = 0, outHidden = hidden } = attention;
  const sources = declareInputs(builder, attention);
  const out = builder.declare('out', 'output', 'f32', [B, I, dim(outHidden)]);
  lowerProjectedAttention(builder, attention, { at: '', sources, out, accumulate: false });
}

export function lowerProjectedAttention(
  builder: ModuleBuilder,
  attention: AttentionShape,
  place: AttentionPlace,
): void {
  const { classes } = attention;
  if (classes === undefined) {
    lowerHeads(builder, attention, place);
    return;
  }
  for (const [index, one] of classes.entries()) {
    const own = attentionOfClass(attention, one);
    const at = classes.length === 1 ? place.at : classPrefix(place.at, index);
    // The first class writes the output with its bias, the others add to that.
    const later = index > 0 && { accumulate: true };
    const biases = { ...own.biases, o: own.biases.o && index === 0 };
    builder.ofHeads(one.numbers, () => lowerHeads(builder, { ...own, biases }, { ...place, at, ...later }));
  }
}

function lowerHeads(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace): void {
  const { latent } = attention;
  const seen = latent?.cache === 'latent' ? latentView(attention, latent) : attention;
  const { heads, headDim, valueDim, cacheDtype, cacheLayout } = seen;
  const { at, sources } = place;
  const layer = inLayer(place.layer);
  const rowsOfKeys = sources.k.rows && { rows: sources.k.rows };

  const projected =
    latent === undefined ? projectAll(builder, attention, place) : lowerLatent(builder, attention, latent, place);
  const q = declareHooked(builder, seen, at, {
    hook: 'rot_q',
    scratch: 'q',
    shape: [B, I, dim(heads.qHeads), dim(headDim)],
  });
  const qNorms = headNormsOf(builder, attention, `${at}attn.`, 'q');
  builder.add({
    op: 'query_heads',
    x: projected.q,
    heads: heads.qHeads,
    headDim,
    norms: qNorms,
    ...rotationOf(builder, seen, heads.qHeads),
    out: q,
    ...layer,
  });

  const keys = preparedKeys(builder, seen, place, projected.k);
  const valueNorm = attention.valueNorm && {
    valueNorm: withTensor(builder, attention.valueNorm, `${at}attn.v_norm`),
  };
  const cache = (name: 'k' | 'v', width: number) =>
    builder.declare(`${at}cache.${name}`, 'cache', cacheDtype, [B, dim(heads.kvHeads), C, dim(width)], cacheLayout);
  const kCache = cache('k', headDim);
  const values = projected.v === undefined ? {} : { v: projected.v, vCache: cache('v', valueDim) };
  const stored = storedIn(builder, cacheLayout);
  builder.add({
    op: 'append',
    ...values,
    kvHeads: heads.kvHeads,
    headDim,
    valueDim,
    ...keys,
    ...valueNorm,
    kCache,
    cacheDtype,
    ...stored,
    ...rowsOfKeys,
    ...layer,
  });

  const z = declareHooked(builder, attention, at, {
    hook: 'z',
    scratch: 'z',
    shape: [B, I, dim(heads.qHeads), dim(attention.valueDim)],
  });
  const found =
    seen === attention
      ? z
      : builder.declare('z_in_latent', 'activation', 'f32', [B, I, dim(heads.qHeads), dim(valueDim)]);
  builder.add({
    op: 'attention',
    q,
    k: kCache,
    ...(values.vCache && { v: values.vCache }),
    keyLayout: 'heads-first',
    keyDtype: cacheDtype,
    ...stored,
    ...attentionParts(builder, seen, at, place.layer),
    out: found,
    ...layer,
  });
  if (latent?.cache === 'latent') lowerLatentValues(builder, attention, latent, place, { z: found, out: z });
  lowerGates(builder, attention, place, z);
  lowerResult(builder, attention, place, z);
  lowerOutput(builder, attention, place, z);
}

/** Keys are normalised and rotated on their way into the cache, or before it where that is asked for. */
function preparedKeys(
  builder: ModuleBuilder,
  attention: AttentionShape,
  { at, layer, sources }: AttentionPlace,
  k: string,
) {
  const { heads, headDim, hooks } = attention;
  const norms = headNormsOf(builder, attention, `${at}attn.`, 'k');
  const rotation = rotationOf(builder, attention, heads.kvHeads);
  if (!hooks.includes('rot_k')) return { k, norms, ...rotation };
  const { rows } = sources.k;
  const shape = [...rowAxes(rows), dim(heads.kvHeads), dim(headDim)];
  const out = declareHooked(builder, attention, at, { hook: 'rot_k', scratch: 'k', shape });
  const place = { ...(rows && { rows }), ...inLayer(layer) };
  builder.add({ op: 'query_heads', x: k, heads: heads.kvHeads, headDim, norms, ...rotation, out, ...place });
  return { k: out, norms: [] };
}

/** How the caches are stored, and the table of their pages, which all layers share. */
function storedIn(builder: ModuleBuilder, cacheLayout: CacheLayout | undefined) {
  if (cacheLayout?.kind !== 'paged') return cacheLayout && { cacheLayout };
  const shape = [B, ceilDiv(C, cacheLayout.pageSize)];
  return { cacheLayout, pages: builder.declare('page_table', 'pages', 'u32', shape, cacheLayout) };
}

/** The checker refuses norms and rotation on heads that the app gives: they are part of what makes the heads. */
function lowerGivenHeads(builder: ModuleBuilder, attention: AttentionShape): void {
  const { heads, headDim, valueDim, cacheDtype, activations = 'f32' } = attention;
  const q = builder.declare('q', 'input', activations, [B, I, dim(heads.qHeads), dim(headDim)]);
  const k = builder.declare('k', 'input', cacheDtype, [B, J, dim(heads.kvHeads), dim(headDim)]);
  const v = builder.declare('v', 'input', cacheDtype, [B, J, dim(heads.kvHeads), dim(valueDim)]);
  const scaled = attention.gates.headScale;
  const shape = [B, I, dim(heads.qHeads), dim(valueDim)];
  const out = builder.declare('out', 'output', activations, shape);
  builder.add({
    op: 'attention',
    q,
    k,
    v,
    keyLayout: 'tokens-first',
    keyDtype: cacheDtype,
    ...attentionParts(builder, attention, ''),
    out,
  });
  if (scaled)
    builder.add({ op: 'gate_heads', heads: heads.qHeads, valueDim, scale: builder.weight('attn.head_scale'), out });
}
