import { dim } from '../../check/dims.ts';
import type { AttentionShape } from '../../check/shaped-spec.ts';
import type { AttentionPlace } from './attention-place.ts';
import { declareHooked } from './hooks.ts';
import { B, I, inLayer, type ModuleBuilder, rowAxes } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

export function projectAll(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace) {
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
  const out = declareHooked(builder, attention, place.at, {
    hook: name,
    scratch: kept ? 'v_first' : `${name}_proj`,
    shape: [...rowAxes(rows), dim(headCount), dim(headWidth)],
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
  const out = builder.declare(`${name}_normed`, 'activation', 'f32', [...rowAxes(rows), dim(width)]);
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
