import { dim } from '../../check/dims.ts';
import type { ExpertsShape, MlpShape } from '../../check/shaped-spec.ts';
import type { Gate } from '../nodes.ts';
import type { MlpPlace } from './mlp-place.ts';
import { B, I, type ModuleBuilder } from './module-builder.ts';

/** The chosen experts, and the shared one if there is one. Everything that reads x comes before what is added to `out`, which may be x. */
export function lowerExperts(builder: ModuleBuilder, mlp: MlpShape, experts: ExpertsShape, place: MlpPlace): void {
  const { at, hidden, layer, x } = place;
  const { count, active, width, biases, shared } = experts;
  const { chosen, shares } = lowerRouter(builder, experts, place);
  const between = builder.declare('expert_hidden', 'activation', 'f32', [B, I, dim(active), dim(width)]);
  const biasOf = (name: 'up' | 'gate' | 'down') =>
    biases[name] ? { bias: builder.weight(`${at}experts.${name}.bias`) } : {};
  builder.add({
    op: 'experts_up',
    x,
    chosen,
    experts: count,
    active,
    inWidth: hidden,
    outWidth: width,
    weight: builder.weight(`${at}experts.up.weight`),
    ...biasOf('up'),
    ...(mlp.kind === 'gated' && {
      gate: { weight: builder.weight(`${at}experts.gate.weight`), ...biasOf('gate') } satisfies Gate,
    }),
    activation: mlp.activation,
    out: between,
    layer,
  });
  const sharedHidden = shared && lowerSharedHidden(builder, mlp, shared, place);
  builder.add({
    op: 'experts_down',
    x: between,
    chosen,
    shares,
    experts: count,
    active,
    inWidth: width,
    outWidth: hidden,
    weight: builder.weight(`${at}experts.down.weight`),
    ...biasOf('down'),
    ...(place.scale !== undefined && { scale: place.scale }),
    accumulate: place.accumulate,
    out: place.out,
    layer,
  });
  if (shared === undefined || sharedHidden === undefined) return;
  builder.add({
    op: 'linear',
    x: sharedHidden,
    inWidth: shared.width,
    outWidth: hidden,
    weight: builder.weight(`${at}shared.down.weight`),
    ...(place.scale !== undefined && { scale: place.scale }),
    accumulate: true,
    logits: false,
    out: place.out,
    layer,
  });
}

function lowerRouter(builder: ModuleBuilder, experts: ExpertsShape, { at, hidden, layer, x }: MlpPlace) {
  const { count, active, scoring, normalized, routedScale, groups, routerBias, correctionBias } = experts;
  const logits = builder.declare('router_logits', 'activation', 'f32', [B, I, dim(count)]);
  builder.add({
    op: 'linear',
    x,
    inWidth: hidden,
    outWidth: count,
    weight: builder.weight(`${at}router.weight`),
    ...(routerBias && { bias: builder.weight(`${at}router.bias`) }),
    accumulate: false,
    logits: false,
    out: logits,
    layer,
  });
  const chosen = builder.declare('chosen_experts', 'activation', 'u32', [B, I, dim(active)]);
  const shares = builder.declare('expert_shares', 'activation', 'f32', [B, I, dim(active)]);
  builder.add({
    op: 'route',
    logits,
    ...(correctionBias && { correction: builder.weight(`${at}correction_bias`) }),
    experts: count,
    active,
    scoring,
    normalized,
    scale: routedScale,
    ...(groups && { groups }),
    chosen,
    out: shares,
    layer,
  });
  return { chosen, shares };
}

/** The gate of the shared expert is a factor on its output, and as well on what its last matrix reads. */
function lowerSharedHidden(
  builder: ModuleBuilder,
  { kind, activation }: MlpShape,
  shared: NonNullable<ExpertsShape['shared']>,
  { at, hidden, layer, x }: MlpPlace,
): string {
  const { width } = shared;
  const out = builder.declare('shared_hidden', 'activation', 'f32', [B, I, dim(1), dim(width)]);
  const common = { op: 'linear', x, inWidth: hidden, accumulate: false, logits: false, layer } as const;
  const weight = (name: 'up' | 'gate') => builder.weight(`${at}shared.${name}.weight`);
  const gate = kind === 'gated' ? { gate: { weight: weight('gate') } } : {};
  builder.add({ ...common, outWidth: width, weight: weight('up'), ...gate, activation, out });
  if (!shared.gate) return out;
  const head = builder.declare('shared_gate', 'activation', 'f32', [B, I, dim(1)]);
  const gateWeight = builder.weight(`${at}shared_gate.weight`);
  builder.add({ ...common, outWidth: 1, weight: gateWeight, activation: 'sigmoid', out: head });
  builder.add({ op: 'gate_heads', heads: 1, valueDim: width, head, out, layer });
  return out;
}
