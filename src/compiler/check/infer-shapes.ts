import type { Report } from '../diagnostics/report.ts';
import type { BoundSpec, OptionPath } from './bind.ts';
import { type CheckpointHeader, resolveWeightDtype } from './checkpoint.ts';
import { resolveAttention } from './infer-attention.ts';
import { checkCheckpoint } from './rules/checkpoint.ts';
import { resolveHeads } from './rules/heads.ts';
import { checkParts } from './rules/parts.ts';
import { checkWeightsFile } from './rules/weights-file.ts';
import type {
  AttentionShape,
  LayerShape,
  MlpShape,
  ModelShape,
  NormShape,
  ShapedSpec,
  WeightShape,
} from './shaped-spec.ts';
import { type SourcedTemplate, sourceWeights } from './weight-sources.ts';
import { weightTemplates } from './weights-table.ts';

/** Applies every rule; undefined when a dimension could not be known. Each part is resolved even when another is wrong. */
export function inferShapes(
  spec: BoundSpec,
  checkpoint: CheckpointHeader | undefined,
  report: Report,
): ShapedSpec | undefined {
  checkParts(spec, report);
  const weightsFile = checkWeightsFile(spec, report);
  const heads = resolveHeads(spec, report);
  const attention = resolveAttention(spec, heads, report);
  const model = resolveModel(spec);
  const mlp = resolveMlp(spec);
  const name = spec.at('name')?.value;
  if (attention === undefined || heads === undefined || name === undefined) return undefined;
  if (spec.isWritten('model') && (model === undefined || mlp === undefined)) return undefined;
  const layerCount = model === undefined ? 1 : (spec.at('model.layers')?.value ?? 1);
  const parts = { attention, ...(model === undefined ? {} : { model }), ...(mlp === undefined ? {} : { mlp }) };
  const sourced = sourceWeights(spec, weightTemplates(parts), layerCount, report);
  if (checkpoint !== undefined && spec.isComplete)
    checkCheckpoint({ spec, heads, attention, sourced, checkpoint }, report);
  const weights = inForwardOrder(sourced, layerCount);
  const weightDtype = resolveWeightDtype(spec, weights, checkpoint);
  if (weightDtype === undefined) return undefined;
  const layer = layerOf(attention, model, mlp);
  return Object.freeze({
    name,
    ...(model === undefined ? {} : { model }),
    layers: Object.freeze(Array.from({ length: layerCount }, () => layer)),
    weights,
    weightDtype,
    ...(weightsFile === undefined ? {} : { weightsFile }),
    spanOf: (path: string) => {
      const bound = spec.at(path as OptionPath);
      if (bound?.origin === 'written') return bound.span;
      return spec.isWritten(path as OptionPath) ? spec.keySpan(path as OptionPath) : undefined;
    },
  });
}

function resolveModel(spec: BoundSpec): ModelShape | undefined {
  const vocab = spec.at('model.vocab')?.value;
  const hidden = spec.at('model.hidden')?.value;
  const context = spec.at('model.context')?.value;
  const tieEmbeddings = spec.at('model.tie_embeddings')?.value;
  const embeddingScale = spec.at('model.embedding_scale')?.value;
  const positions = spec.at('model.positions.kind')?.value;
  const scale = spec.at('model.positions.scale')?.value;
  const finalNorm = resolveNorm(spec);
  if (vocab === undefined || hidden === undefined || context === undefined || tieEmbeddings === undefined)
    return undefined;
  if (embeddingScale === undefined || positions === undefined || scale === undefined || finalNorm === undefined)
    return undefined;
  const learned = positions === 'learned' ? { learnedPositions: Object.freeze({ scale }) } : {};
  return Object.freeze({ vocab, hidden, context, tieEmbeddings, embeddingScale, ...learned, finalNorm });
}

function resolveNorm(spec: BoundSpec): NormShape | undefined {
  const kind = spec.at('model.norm.kind')?.value;
  const unitOffset = spec.at('model.norm.unit_offset')?.value;
  if (kind === undefined || unitOffset === undefined) return undefined;
  const eps = spec.at('model.norm.eps')?.value ?? (kind === 'rms' ? 1e-6 : 1e-5);
  const bias = spec.at('model.norm.bias')?.value ?? kind === 'layer';
  return Object.freeze({ kind, eps, unitOffset, bias });
}

function resolveMlp(spec: BoundSpec): MlpShape | undefined {
  const kind = spec.at('mlp.kind')?.value;
  const activation = spec.at('mlp.activation')?.value;
  const width = spec.at('mlp.width')?.value;
  const biases = spec.at('mlp.biases')?.value;
  if (kind === undefined || activation === undefined || width === undefined || biases === undefined) return undefined;
  return Object.freeze({
    kind,
    activation,
    width,
    biases: Object.freeze({ up: biases.includes('up'), gate: biases.includes('gate'), down: biases.includes('down') }),
  });
}

function layerOf(attention: AttentionShape, model: ModelShape | undefined, mlp: MlpShape | undefined): LayerShape {
  if (model === undefined || mlp === undefined) return Object.freeze({ attention });
  return Object.freeze({ attention, attentionNorm: model.finalNorm, mlpNorm: model.finalNorm, mlp });
}

/** Layer by layer: runs of templates that are in the layers are interleaved. */
function inForwardOrder(sourced: readonly SourcedTemplate[], layers: number): readonly WeightShape[] {
  const isLayered = ({ template }: SourcedTemplate) => template.name.includes('{i}');
  const first = sourced.findIndex(isLayered);
  const last = sourced.findLastIndex(isLayered);
  const ordered = sourced.slice(0, Math.max(first, 0)).flatMap(({ weights }) => weights);
  for (let layer = 0; first !== -1 && layer < layers; layer += 1) {
    for (const { template, weights } of sourced.slice(first, last + 1)) {
      const weight = weights[layer - (template.firstLayer ?? 0)];
      if (weight !== undefined) ordered.push(weight);
    }
  }
  return Object.freeze([...ordered, ...sourced.slice(last + 1).flatMap(({ weights }) => weights)]);
}
