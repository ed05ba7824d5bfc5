import { dim } from '../../check/dims.ts';
import type { AttentionShape } from '../../check/shaped-spec.ts';
import type { AttentionPlace } from './attention-place.ts';
import { B, I, inLayer, type ModuleBuilder } from './module-builder.ts';

export function lowerGates(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace, z: string): void {
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
export function lowerOutput(builder: ModuleBuilder, attention: AttentionShape, place: AttentionPlace, z: string): void {
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
