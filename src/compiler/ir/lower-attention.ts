import { ceilDiv, dim } from '../check/dims.ts';
import type { AttentionShape, CacheLayout, ParameterShape } from '../check/shaped-spec.ts';
import type { AttentionPlace } from './attention-place.ts';
import { attentionOfClass } from './head-class.ts';
import { headNormsOf, rotationOf, withTensor } from './head-parts.ts';
import { declareHooked, keptRows, lowerResult } from './lower-hooks.ts';
import { declareInputs } from './lower-inputs.ts';
import { latentView, lowerLatent, lowerLatentValues } from './lower-latent.ts';
import { lowerNorm } from './lower-norm.ts';
import { B, C, classPrefix, I, inLayer, J, type ModuleBuilder, withoutClass, X } from './module-builder.ts';

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

/** How the caches are stored, and the table of their pages, which all layers share. */
function storedIn(builder: ModuleBuilder, cacheLayout: CacheLayout | undefined) {
  if (cacheLayout?.kind !== 'paged') return cacheLayout && { cacheLayout };
  const shape = [B, ceilDiv(C, cacheLayout.pageSize)];
  return { cacheLayout, pages: builder.declare('page_table', 'pages', 'u32', shape, cacheLayout) };
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
  const shape = [B, rows === 'context' ? X : I, dim(heads.kvHeads), dim(headDim)];
  const out = declareHooked(builder, attention, at, { hook: 'rot_k', scratch: 'k', shape });
  const place = { ...(rows && { rows }), ...inLayer(layer) };
  builder.add({ op: 'query_heads', x: k, heads: heads.kvHeads, headDim, norms, ...rotation, out, ...place });
  return { k: out, norms: [] };
}

function projectAll(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace) {
  const { heads, headDim, valueDim } = attention;
  const q = project(builder, attention, place, 'q', [heads.qHeads, headDim]);
  const k = project(builder, attention, place, 'k', [heads.kvHeads, headDim]);
  const v = project(builder, attention, place, 'v', [heads.kvHeads, valueDim]);
  if (place.firstValues === 'mix') mixFirstValues(builder, attention, place, v);
  return { q, k, v };
}

function project(
  builder: ModuleBuilder,
  attention: AttentionShape,
  place: AttentionPlace,
  name: 'q' | 'k' | 'v',
  [headCount, headWidth]: readonly [number, number],
): string {
  const { x, width: inWidth, heads, rows } = place.sources[name];
  const kept = name === 'v' && place.firstValues === 'keep';
  const extent = rows === 'context' ? X : I;
  const out = declareHooked(builder, attention, place.at, {
    hook: name,
    scratch: kept ? 'v_first' : `${name}_proj`,
    shape: [B, extent, dim(headCount), dim(headWidth)],
  });
  builder.add({
    op: 'linear',
    x,
    ...(heads !== undefined && { inputHeads: heads }),
    inWidth,
    outWidth: headCount * headWidth,
    weight: builder.weight(`${place.at}attn.${name}.weight`),
    ...(attention.biases[name] && { bias: builder.weight(`${place.at}attn.${name}.bias`) }),
    ...(attention.clipQkv !== undefined && { clip: attention.clipQkv }),
    accumulate: false,
    logits: false,
    out,
    ...(rows && { rows }),
    ...inLayer(place.layer),
  });
  return name === 'v' ? out : normProjection(builder, attention, place, { name, width: headCount * headWidth, x: out });
}

/** The norm over all heads together comes before they are told apart. */
function normProjection(
  builder: ModuleBuilder,
  { qkNorms }: AttentionShape,
  place: AttentionPlace,
  { name, width, x }: { readonly name: 'q' | 'k'; readonly width: number; readonly x: string },
): string {
  const [norm] = qkNorms;
  if (norm?.weight !== 'projection' || norm.kind === 'l2' || !norm[name]) return x;
  const { kind, eps, unitOffset, bias = false } = norm;
  const { rows } = place.sources[name];
  const extent = rows === 'context' ? X : I;
  const out = builder.declare(`${name}_normed`, 'activation', 'f32', [B, extent, dim(width)]);
  const shape = { kind, eps, unitOffset, weight: true, bias } as const;
  const at = `${place.at}attn.${name}_norm`;
  lowerNorm(builder, shape, { at, width, x, out, ...(rows && { rows }), ...inLayer(place.layer) });
  return out;
}

function mixFirstValues(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace, v: string): void {
  const { valueResidual, valueDim, heads, hidden = 0 } = attention;
  if (valueResidual === undefined) return;
  const layer = inLayer(place.layer);
  const { kvHeads } = heads;
  const base = { op: 'mix_values', first: builder.firstValues(), kvHeads, valueDim, out: v, ...layer } as const;
  if (valueResidual.mix !== 'learned') {
    builder.add({ ...base, mix: valueResidual.mix });
    return;
  }
  const gate = builder.declare('value_mix', 'activation', 'f32', [B, I, dim(kvHeads)]);
  const weight = builder.weight(`${place.at}attn.value_residual.weight`);
  const bias = builder.weight(`${place.at}attn.value_residual.bias`);
  builder.add({
    op: 'linear',
    x: place.sources.q.x,
    inWidth: hidden,
    outWidth: kvHeads,
    weight,
    bias,
    activation: 'sigmoid',
    accumulate: false,
    logits: false,
    out: gate,
    ...layer,
  });
  builder.add({ ...base, mix: { gate } });
}

function lowerGates(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace, z: string): void {
  const { gates, heads, valueDim, hidden = 0 } = attention;
  const layer = inLayer(place.layer);
  const at = `${place.at}attn.`;
  const gate = (name: string, outWidth: number, activation: 'sigmoid' | 'silu', biased: boolean) => {
    const out = builder.declare(name, 'activation', 'f32', [B, I, dim(outWidth)]);
    const weight = builder.weight(`${at}${name}.weight`);
    const bias = biased ? { bias: builder.weight(`${at}${name}.bias`) } : {};
    builder.add({
      op: 'linear',
      x: place.sources.q.x,
      inWidth: hidden,
      outWidth,
      weight,
      ...bias,
      activation,
      accumulate: false,
      logits: false,
      out,
      ...layer,
    });
    return out;
  };
  const parts = {
    ...(gates.headScale && { scale: builder.weight(`${at}head_scale`) }),
    ...(gates.head && { head: gate('head_gate', heads.qHeads, 'sigmoid', true) }),
    ...(gates.value !== 'none' && { entry: gate('value_gate', heads.qHeads * valueDim, gates.value, false) }),
  };
  if (Object.keys(parts).length > 0)
    builder.add({ op: 'gate_heads', heads: heads.qHeads, valueDim, ...parts, out: z, ...layer });
}

/** With a GLU, the first half of the projection is what the sigmoid of the second lets through. */
function lowerOutput(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace, z: string): void {
  const { heads, valueDim, gates, biases, hidden = 0, outHidden = hidden } = attention;
  const at = `${place.at}attn.`;
  const biasOf = (name: string) => (biases.o ? { bias: builder.weight(`${at}${name}.bias`) } : {});
  builder.add({
    op: 'linear',
    x: z,
    inWidth: heads.qHeads * valueDim,
    outWidth: outHidden,
    weight: builder.weight(`${at}o.weight`),
    ...biasOf('o'),
    ...(gates.outputGlu && {
      gate: { weight: builder.weight(`${at}o_gate.weight`), ...biasOf('o_gate') },
      activation: 'sigmoid',
    }),
    ...(place.scale !== undefined && { scale: place.scale }),
    accumulate: place.accumulate,
    logits: false,
    out: place.out,
    ...inLayer(place.layer),
  });
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

/** Everything of an attention node but its q, k, v and out; declares what it reads. */
function attentionParts(builder: ModuleBuilder, attention: AttentionShape, at: string, layer?: number) {
  const { heads, headDim, valueDim, similarity, scale, columns, mask, normalizer, softcap } = attention;
  const { biasPosition, biasTensor, headMixing, sinks, cross, score, compute } = attention;
  const weight = (name: string) => builder.weight(`${at}attn.${name}`);
  const memory = memoryOf(builder, attention, at, layer);
  const keyMask = mask.padding === 'none' ? undefined : builder.declare('key_mask', 'input', 'u32', [B, J]);
  const documents = mask.documents ? builder.declare('documents', 'input', 'u32', [B, J]) : undefined;
  const bias = biasTensor && { tensor: declareBias(builder, attention, biasTensor), ...biasTensor };
  const mixing = {
    ...(headMixing.pre && { pre: weight('mix_pre.weight') }),
    ...(headMixing.post && { post: weight('mix_post.weight') }),
    ...(headMixing.preScalePost && { preScalePost: weight('mix_pre_scale_post.weight') }),
  };
  const parameters = attention.parameters.map((parameter) => ({
    ...parameter,
    tensor: declareParameter(builder, parameter, at),
  }));
  return {
    heads,
    headDim,
    valueDim,
    similarity,
    scale,
    columns,
    mask,
    normalizer,
    mixing,
    parameters,
    ...(score && { score }),
    cross: cross !== undefined,
    ...(memory && { memory }),
    ...(keyMask && { keyMask }),
    ...(documents && { documents }),
    ...activeOf(builder, attention, at),
    ...(bias && { bias }),
    ...keptRows(builder, attention, at),
    ...(softcap && { softcap }),
    ...(sinks && { sinks: weight('sinks') }),
    ...(compute && { compute }),
    ...(biasPosition?.kind === 'alibi' && { alibi: biasPosition }),
    ...(biasPosition?.kind === 't5' && { t5: { ...biasPosition, table: weight('t5.weight') } }),
  };
}

function activeOf(builder: ModuleBuilder, { activeHeads, heads }: AttentionShape, at: string) {
  if (activeHeads !== 'runtime') return activeHeads && { active: activeHeads };
  return { active: { mask: builder.declare(`${at}active_heads`, 'input', 'u32', [dim(heads.qHeads)]) } };
}

/** A single number is a tensor of one entry. */
function declareParameter(builder: ModuleBuilder, { name, shape, runtime }: ParameterShape, at: string): string {
  if (!runtime) return builder.weight(`${at}attn.parameters.${name}`);
  const axes = shape.length === 0 ? [1] : shape;
  return builder.declare(
    `${withoutClass(at)}parameters.${name}`,
    'input',
    'f32',
    axes.map((axis) => dim(axis)),
  );
}

function declareBias(
  builder: ModuleBuilder,
  { heads }: AttentionShape,
  { perBatch, perHead }: { perBatch: boolean; perHead: boolean },
): string {
  return builder.declare('bias', 'input', 'f32', [
    perBatch ? B : dim(1),
    dim(perHead ? (heads.numbers?.of.qHeads ?? heads.qHeads) : 1),
    I,
    J,
  ]);
}

function memoryOf(builder: ModuleBuilder, attention: AttentionShape, at: string, layer?: number) {
  const { headDim, heads, columns, qkNorms } = attention;
  const slots = columns.memory;
  if (slots === 0) return undefined;
  const memory = builder.weight(`${at}attn.memory_k`);
  const v = builder.weight(`${at}attn.memory_v`);
  const norms = headNormsOf(builder, attention, `${at}attn.`, 'k').filter(
    (_, i) => qkNorms.filter(({ k, weight }) => k && weight !== 'projection')[i]?.memory,
  );
  if (norms.length === 0) return { k: memory, v };
  const { kvHeads } = heads;
  const k = builder.declare(`${at}memory_k_normed`, 'prepared', 'f32', [dim(kvHeads), dim(slots), dim(headDim)]);
  builder.add({ op: 'memory_keys', memory, kvHeads, slots, headDim, norms, out: k, ...inLayer(layer) });
  return { k, v };
}
