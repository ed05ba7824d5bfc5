import { dim } from '../check/dims.ts';
import type { MlpShape } from '../check/shaped-spec.ts';
import { B, I, type ModuleBuilder } from './module-builder.ts';

/** Where an MLP stands: it reads x `[B, I, hidden]` and writes out, or adds to it. */
export interface MlpPlace {
  /** Prefix of weight names. */
  readonly at: string;
  readonly hidden: number;
  readonly x: string;
  readonly out: string;
  readonly accumulate: boolean;
  /** Factor on what it makes; 1 when absent. */
  readonly scale?: number;
  readonly layer: number;
}

export function lowerMlp(builder: ModuleBuilder, mlp: MlpShape, place: MlpPlace): void {
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
