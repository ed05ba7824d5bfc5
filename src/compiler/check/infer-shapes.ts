import type { Report } from '../diagnostics/report.ts';
import type { BoundSpec, OptionPath } from './bind.ts';
import { type CheckpointHeader, resolveWeightDtype } from './checkpoint.ts';
import { keyColumns } from './key-columns.ts';
import { checkCheckpoint } from './rules/checkpoint.ts';
import { type ResolvedHeads, resolveHeads } from './rules/heads.ts';
import { resolveMemory } from './rules/memory.ts';
import { checkParts } from './rules/parts.ts';
import { resolveQkNorm } from './rules/qk-norm.ts';
import { resolveRope } from './rules/rope.ts';
import { checkWeightsFile } from './rules/weights-file.ts';
import { resolveWidths } from './rules/widths.ts';
import type { AttentionShape, LayerShape, MlpShape, ModelShape, NormShape, ShapedSpec } from './shaped-spec.ts';
import { sourceWeights } from './weight-sources.ts';
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
  const weights = inForwardOrder(sourced.map((one) => one.weights));
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

function resolveAttention(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): AttentionShape | undefined {
  const widths = resolveWidths(spec, report);
  const qkNorm = resolveQkNorm(spec, widths?.headDim, report);
  const rope = resolveRope(spec, widths?.headDim, report);
  const memory = resolveMemory(spec, heads, report);
  const causal = spec.at('attention.mask.causal')?.value;
  const biases = spec.at('attention.biases')?.value;
  const cacheDtype = spec.at('attention.cache.dtype')?.value;
  if (heads === undefined || widths === undefined) return undefined;
  if (causal === undefined || biases === undefined || cacheDtype === undefined) return undefined;
  const { hidden, headDim, valueDim } = widths;
  const inputs = hidden === undefined ? ('heads' as const) : ('hidden' as const);
  return Object.freeze({
    inputs,
    ...(hidden === undefined ? {} : { hidden }),
    heads: heads.group,
    headDim,
    valueDim,
    scale: spec.at('attention.scale')?.value ?? (qkNorm?.kind === 'l2' ? 10 : 1 / Math.sqrt(headDim)),
    ...(qkNorm === undefined ? {} : { qkNorm }),
    ...(rope === undefined ? {} : { rope }),
    columns: keyColumns(memory?.slots ?? 0),
    memoryNormalized: memory?.normalized ?? false,
    causal,
    biases: Object.freeze({
      q: biases.includes('q'),
      k: biases.includes('k'),
      v: biases.includes('v'),
      o: biases.includes('o'),
    }),
    cacheDtype,
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
function inForwardOrder<T>(columns: readonly (readonly T[])[]): readonly T[] {
  const ordered: T[] = [];
  const layers = Math.max(...columns.map((column) => column.length), 0);
  const first = columns.findIndex((column) => column.length > 1);
  if (first === -1) return Object.freeze(columns.flat());
  const last = columns.findLastIndex((column) => column.length > 1);
  ordered.push(...columns.slice(0, first).flat());
  for (let layer = 0; layer < layers; layer += 1) {
    for (const column of columns.slice(first, last + 1)) ordered.push(...column.slice(layer, layer + 1));
  }
  ordered.push(...columns.slice(last + 1).flat());
  return Object.freeze(ordered);
}
