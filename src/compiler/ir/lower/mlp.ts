import { dim } from '../../check/dims.ts';
import type { MlpShape } from '../../check/shaped-spec.ts';
import { lowerExperts } from './experts.ts';
import type { MlpPlace } from './mlp-place.ts';
import { B, I, type ModuleBuilder } from './module-builder.ts';

export function lowerMlp(builder: ModuleBuilder, mlp: MlpShape, place: MlpPlace): void {
  if (mlp.experts === undefined) lowerDense(builder, mlp, place);
  else lowerExperts(builder, mlp, mlp.experts, place);
}

function lowerDense(builder: ModuleBuilder, mlp: MlpShape, place: MlpPlace): void {
  const { at, hidden, x, out, accumulate, scale, layer } = place;
  const biasOf = (name: 'up' | 'gate' | 'down') =>
    mlp.biases[name] ? { bias: builder.weight(`${at}${name}.bias`) } : {};
  const between = builder.declare('mlp_hidden', 'activation', 'f32', [B, I, dim(mlp.width)]);
  builder.add({
    op: 'linear',
    x,
    inWidth: hidden,
    outWidth: mlp.width,
    weight: builder.weight(`${at}up.weight`),
    ...biasOf('up'),
    ...(mlp.kind === 'gated' && { gate: { weight: builder.weight(`${at}gate.weight`), ...biasOf('gate') } }),
    activation: mlp.activation,
    accumulate: false,
    logits: false,
    out: between,
    layer,
  });
  builder.add({
    op: 'linear',
    x: between,
    inWidth: mlp.width,
    outWidth: hidden,
    weight: builder.weight(`${at}down.weight`),
    ...biasOf('down'),
    ...(scale !== undefined && { scale }),
    accumulate,
    logits: false,
    out,
    layer,
  });
}
