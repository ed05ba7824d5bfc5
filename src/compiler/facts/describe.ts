import type { LayerShape, MlpShape, NormShape, RopeShape, ShapedSpec } from '../check/shaped-spec.ts';
import { distinct } from './layer-pattern.ts';

/** Such as `rope 1e6`, `rope 10000 (32 of 128, interleaved)`, `learned`, or `none`; layers that differ one after the other. */
export function describePositions({ model, layers }: ShapedSpec): string {
  const added = model?.positions === undefined ? [] : [model.positions.kind];
  const ofLayers = layers.map(({ attention: { rope, biasPosition, headDim } }) => {
    if (rope !== undefined) return describeRope(rope, headDim);
    return biasPosition?.kind ?? 'none';
  });
  const found = distinct([...added, ...ofLayers]);
  return (added.length > 0 ? found.filter((one) => one !== 'none') : found).join(', ');
}

function describeRope({ base, dim, pairing, scaling }: RopeShape, headDim: number): string {
  const part = dim < headDim ? [`${dim} of ${headDim}`] : [];
  const details = [...part, ...(pairing === 'half' ? [] : [pairing]), ...(scaling === undefined ? [] : [scaling.kind])];
  return `rope ${shortNumber(base)}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** Such as `rms 1e-6, sandwich, qk`: its kind and eps, where it stands, and whether q and k have norms of their own. */
export function describeNorm({ model, layers }: ShapedSpec): string {
  if (model === undefined) return 'none';
  const { block, layerNorms, finalNorm } = model;
  const norm = layerNorms.attention ?? layerNorms.attentionOut ?? finalNorm;
  const details = [
    ...(norm === undefined ? [] : [normText(norm)]),
    ...(block.norms === 'pre' ? [] : [block.norms]),
    ...(block.parallel === 'none' ? [] : ['parallel']),
    ...(layers.some(({ attention }) => attention.qkNorms.length > 0) ? ['qk'] : []),
  ];
  return details.join(', ');
}

function normText({ kind, eps, bias, weight }: NormShape): string {
  const lacks = !weight ? ' without weight' : kind === 'layer' && !bias ? ' without bias' : '';
  return `${kind} ${shortNumber(eps)}${lacks}`;
}

export function describeMlp(layers: readonly LayerShape[]): string {
  return distinct(layers.map(({ mlp }) => (mlp === undefined ? 'none' : mlpText(mlp)))).join('; ');
}

/** Such as `gated silu 512`, or `8 of 128 experts, gated silu 768, shared 2048`. */
function mlpText({ kind, activation, width, experts }: MlpShape): string {
  const form = `${kind} ${typeof activation === 'string' ? activation : activation.kind}`;
  if (experts === undefined) return `${form} ${width}`;
  const shared = experts.shared === undefined ? '' : `, shared ${experts.shared.width}`;
  return `${experts.active} of ${experts.count} experts, ${form} ${experts.width}${shared}`;
}

/** As short as it can be written: 1000000 is 1e6. */
function shortNumber(value: number): string {
  const plain = String(value);
  const scientific = value.toExponential().replace('e+', 'e');
  return scientific.length < plain.length ? scientific : plain;
}
