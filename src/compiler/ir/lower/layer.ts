import { dim } from '../../check/dims.ts';
import type { LayerShape, ModelShape, NormShape } from '../../check/shaped-spec.ts';
import { lowerProjectedAttention } from './attention.ts';
import { editedSources, sharedSources } from './inputs.ts';
import { lowerMlp } from './mlp.ts';
import { B, I, type ModuleBuilder } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

export interface LayerPlace {
  readonly index: number;
  /** The residual stream, before and after the layer. */
  readonly stream: string;
}

/** Attention or MLP: reads x, and writes out or adds to it. */
interface Part {
  readonly norm?: NormShape | undefined;
  readonly outNorm?: NormShape | undefined;
  readonly name: 'attn' | 'mlp';
  readonly run: (x: string, out: string, accumulate: boolean) => void;
}

/** One layer on the residual stream, its parts joined as `model.block` says. */
export function lowerLayer(builder: ModuleBuilder, model: ModelShape, layer: LayerShape, place: LayerPlace): void {
  const parts = partsOf(builder, model, layer, place.index);
  if (model.block.parallel !== 'none') lowerSideBySide(builder, model, parts, place);
  else if (model.block.norms === 'post') lowerNormedSums(builder, model, parts, place);
  else for (const part of parts) lowerPart(builder, model, part, place);
}

function partsOf(builder: ModuleBuilder, model: ModelShape, layer: LayerShape, index: number): readonly Part[] {
  const { hidden, layerNorms, block } = model;
  const at = `layers.${index}.`;
  const common = { layer: index, ...(block.residualScale !== 1 && { scale: block.residualScale }) };
  const firstValues = builder.hasValueResidual() ? ({ firstValues: index === 0 ? 'keep' : 'mix' } as const) : {};
  const { attention, mlp } = layer;
  const isSplit = attention.inputs === 'split';
  // Copies for the heads are made of the stream itself, and normed one by one.
  const [shared, own] = isSplit && block.norms !== 'post' ? [undefined, layerNorms.attention] : [layerNorms.attention];
  const sourcesOf = (x: string) =>
    isSplit
      ? editedSources(builder, attention, { at, layer: index, norm: own, x })
      : sharedSources(builder, attention, x);
  const attend: Part = {
    name: 'attn',
    norm: shared,
    outNorm: layerNorms.attentionOut,
    run: (x, out, accumulate) =>
      lowerProjectedAttention(builder, attention, {
        at,
        sources: sourcesOf(x),
        out,
        accumulate,
        ...common,
        ...firstValues,
      }),
  };
  if (mlp === undefined) return [attend];
  const feed: Part = {
    name: 'mlp',
    norm: layerNorms.mlp,
    outNorm: layerNorms.mlpOut,
    run: (x, out, accumulate) => lowerMlp(builder, mlp, { at: `${at}mlp.`, hidden, x, out, accumulate, ...common }),
  };
  return [attend, feed];
}

/** x + f(norm(x)), x + outNorm(f(norm(x))) or x + outNorm(f(x)). */
function lowerPart(builder: ModuleBuilder, model: ModelShape, part: Part, { index, stream }: LayerPlace): void {
  const at = `layers.${index}.${part.name}`;
  const x = part.norm ? normed(builder, model, part.norm, { at: `${at}_norm`, x: stream, index }) : stream;
  if (part.outNorm === undefined) {
    part.run(x, stream, true);
    return;
  }
  const branch = wide(builder, model, 'branch');
  part.run(x, branch, false);
  const place = { at: `${at}_out_norm`, width: model.hidden, x: branch, out: stream, layer: index };
  lowerNorm(builder, part.outNorm, { ...place, accumulate: true });
}

/** norm(x + f(x)): the stream goes to another tensor and back, as a norm does not work in place. */
function lowerNormedSums(builder: ModuleBuilder, model: ModelShape, parts: readonly Part[], place: LayerPlace): void {
  const { index, stream } = place;
  const other = wide(builder, model, 'normed');
  for (const [turn, { name, norm, run }] of parts.entries()) {
    const [x, out] = turn % 2 === 0 ? [stream, other] : [other, stream];
    run(x, x, true);
    if (norm)
      lowerNorm(builder, norm, { at: `layers.${index}.${name}_norm`, width: model.hidden, x, out, layer: index });
  }
}

/** x + attention(norm(x)) + mlp(norm(x)): all norms come before anything is added. */
function lowerSideBySide(builder: ModuleBuilder, model: ModelShape, parts: readonly Part[], place: LayerPlace): void {
  const { index, stream } = place;
  let shared = stream;
  const inputs = parts.map(({ name, norm }) => {
    if (norm === undefined) return shared;
    shared = normed(builder, model, norm, { at: `layers.${index}.${name}_norm`, x: stream, index, name });
    return shared;
  });
  for (const [turn, { run }] of parts.entries()) run(inputs[turn] ?? stream, stream, true);
}

interface Normed {
  readonly at: string;
  readonly x: string;
  readonly index: number;
  readonly name?: Part['name'];
}

function normed(builder: ModuleBuilder, model: ModelShape, norm: NormShape, { at, x, index, name }: Normed): string {
  const out = wide(builder, model, name === 'mlp' ? 'mlp_normed' : 'normed');
  lowerNorm(builder, norm, { at, width: model.hidden, x, out, layer: index });
  return out;
}

const wide = (builder: ModuleBuilder, { hidden }: ModelShape, name: string) =>
  builder.declare(name, 'activation', 'f32', [B, I, dim(hidden)]);
