import type { Report } from '../diagnostics/report.ts';
import type { BoundSpec, OptionPath } from './bind.ts';
import { withDeletions } from './deletions.ts';
import { resolveAttention } from './infer/attention.ts';
import { headClasses } from './infer/head-classes.ts';
import { resolveMlp } from './infer/mlp.ts';
import { resolveModel } from './infer/model.ts';
import type { LayerKind } from './kinds/layer-kind.ts';
import { type KindReports, reportsByKind } from './kinds/reports.ts';
import { checkPageSizes } from './rules/cache.ts';
import { checkRangesOfMixedValues } from './rules/cache-ranges.ts';
import { checkCheckpoint, weightsPlace } from './rules/checkpoint.ts';
import { checkShardFaults } from './rules/checkpoint-shards.ts';
import { type ResolvedHeads, resolveHeads } from './rules/heads.ts';
import { isHooked } from './rules/hooks.ts';
import { checkPacking } from './rules/packing.ts';
import { checkParts } from './rules/parts.ts';
import { checkFirstValues } from './rules/value-residual.ts';
import { checkWeightDtype } from './rules/weight-dtype.ts';
import { checkWeightsFile } from './rules/weights-file.ts';
import type { AttentionShape, LayerShape, MlpShape, ModelShape, ShapedSpec, WeightShape } from './shaped-spec.ts';
import { type CheckpointHeader, resolveWeightDtype } from './weights/checkpoint.ts';
import { allInPacked, inPacked, packingOf, unpacked } from './weights/packed-checkpoint.ts';
import { isLayered, type SourcedTemplate, sourceWeights, type TemplateGroup } from './weights/sources.ts';
import { weightTemplates } from './weights/table.ts';
import type { WeightTemplate } from './weights/template.ts';

/**
 * Applies every rule to every kind of layer. One module, or one for each of several attentions; none when a dimension could not be known. Each part is resolved even when
 * another is wrong. `spec` is what all layers share.
 */
export function inferShapes(
  spec: BoundSpec,
  kinds: readonly LayerKind[],
  checkpoint: CheckpointHeader | undefined,
  report: Report,
): readonly ShapedSpec[] {
  const reports = reportsByKind(kinds, report);
  const shaped = inferAll(spec, kinds, checkpoint, reports, report);
  reports.flush();
  return shaped;
}

function inferAll(
  spec: BoundSpec,
  kinds: readonly LayerKind[],
  checkpoint: CheckpointHeader | undefined,
  reports: KindReports,
  report: Report,
): readonly ShapedSpec[] {
  const weightsFile = checkWeightsFile(spec, report);
  if (checkpoint !== undefined) checkShardFaults(checkpoint, weightsPlace(spec), report);
  const model = resolveModel(spec, report);
  const resolved = kinds.flatMap((kind) => resolveKind(kind, model, reports.of(kind)));
  const name = spec.at('name')?.value;
  if (resolved.length === 0 || resolved.length < kinds.length || name === undefined) return [];
  const modules = resolved.every(({ kind }) => kind.isModule) ? resolved.map((one) => [one]) : [resolved];
  for (const layers of modules) {
    checkFirstValues(layers, reports);
    checkRangesOfMixedValues(
      layers.map(({ kind, attention }) => ({ spec: kind.spec, attention, report: reports.of(kind) })),
    );
    checkPageSizes(
      layers.map(({ kind, attention }) => ({
        spec: kind.spec,
        layout: attention.cacheLayout,
        report: reports.of(kind),
      })),
    );
  }
  const sourced = sourceWeights(spec, resolved.map(templatesOf), report);
  checkWeightDtype(spec, sourced.flat(), report);
  const inputs = resolved.map((kind, index) => ({ ...kind, sourced: sourced[index] ?? [] }));
  const isWhole = kinds.every((kind) => kind.spec.isComplete);
  if (checkpoint !== undefined && isWhole && checkPacking(spec, checkpoint, weightsPlace(spec), report)) {
    const packing = packingOf(checkpoint);
    const header = packing === undefined ? checkpoint : unpacked(checkpoint, packing);
    const parts = inputs.map(({ sourced, ...one }) => ({
      input: {
        ...one,
        sourced: packing === undefined ? sourced : allInPacked(sourced),
        spec: one.kind.spec,
        checkpoint: header,
      },
      report: reports.of(one.kind),
    }));
    checkCheckpoint(spec, header, parts, report);
  }
  let from = 0;
  const shaped = modules.map((module) => {
    const own = {
      name,
      spec: module[0]?.kind.isModule ? module[0].kind.spec : spec,
      model,
      kinds: module,
      sourced: sourced.slice(from, from + module.length),
    };
    from += module.length;
    return shapeOf(own, checkpoint, weightsFile);
  });
  return Object.freeze(shaped.filter((one) => one !== undefined));
}

interface ModuleParts {
  readonly name: string;
  /** What all layers share. */
  readonly spec: BoundSpec;
  readonly model: ModelShape | undefined;
  readonly kinds: readonly ResolvedKind[];
  readonly sourced: readonly (readonly SourcedTemplate[])[];
}

function shapeOf(
  { name, spec, model, kinds, sourced }: ModuleParts,
  checkpoint: CheckpointHeader | undefined,
  weightsFile: string | undefined,
): ShapedSpec | undefined {
  const [first] = kinds;
  const weights = inForwardOrder(sourced);
  const prefix = first === undefined ? '' : prefixOf(first.kind);
  const isPacked = checkpoint !== undefined && packingOf(checkpoint) !== undefined;
  const weightDtype = resolveWeightDtype(spec, isPacked ? weights.map(inPacked) : weights, checkpoint);
  if (first === undefined || weightDtype === undefined) return undefined;
  const isWhole =
    weights.some(({ quantization }) => quantization !== undefined) ||
    kinds.some(({ attention }) => attention.valueResidual !== undefined);
  const layers = kinds.flatMap(({ kind, attention, mlp }) => {
    const shapeWith = (hooks: AttentionShape['hooks']): LayerShape => {
      const own = { ...attention, hooks };
      const classes = headClasses(own, isWhole);
      return Object.freeze({
        attention: Object.freeze({ ...own, ...(classes && { classes }) }),
        ...(model === undefined || mlp === undefined ? {} : { mlp }),
      });
    };
    const [hooked, bare] = [shapeWith(attention.hooks), shapeWith([])];
    return kind.layers.map((layer) => ({ layer, shape: isHooked(kind.spec, layer) ? hooked : bare, kind }));
  });
  layers.sort((a, b) => a.layer - b.layer);
  const { isModule, named } = first.kind;
  const names = isModule ? [] : layers.flatMap(({ kind }) => kind.named?.name ?? []);
  return Object.freeze({
    name: isModule && named !== undefined ? `${name}_${named.name}` : name,
    ...(isModule && named !== undefined ? { part: named.name } : {}),
    ...(model === undefined ? {} : { model }),
    layers: Object.freeze(layers.map(({ shape }) => shape)),
    ...(names.length === 0 ? {} : { layerKinds: Object.freeze(names) }),
    weights: weights.map((weight) => Object.freeze({ ...weight, name: weight.name.slice(prefix.length) })),
    weightDtype,
    ...(weightsFile === undefined ? {} : { weightsFile }),
    spanOf: (path: string, layer?: number) => {
      const own = layers.find((one) => one.layer === layer)?.kind.spec ?? spec;
      const bound = own.at(path as OptionPath);
      if (bound?.origin === 'written') return bound.span;
      return own.isWritten(path as OptionPath) ? own.keySpan(path as OptionPath) : undefined;
    },
  });
}

/** Weights of several attentions are told apart by the attention's name. */
function prefixOf({ named, isModule }: LayerKind): string {
  return isModule && named !== undefined ? `${named.name}.` : '';
}

interface ResolvedKind {
  readonly kind: LayerKind;
  readonly heads: ResolvedHeads;
  readonly attention: AttentionShape;
  readonly mlp?: MlpShape;
  readonly templates: readonly WeightTemplate[];
}

/** One, or none when something about these layers could not be known. */
function resolveKind(kind: LayerKind, model: ModelShape | undefined, given: Report): readonly ResolvedKind[] {
  const { spec } = kind;
  const report = withDeletions(spec, given);
  checkParts(spec, report);
  const heads = resolveHeads(spec, report);
  const attention = resolveAttention(spec, heads, report);
  const mlp = resolveMlp(spec, report);
  if (attention === undefined || heads === undefined) return [];
  if (spec.isWritten('model') && (model === undefined || mlp === undefined)) return [];
  const parts = { attention, ...(mlp === undefined ? {} : { mlp }) };
  const templates = weightTemplates({ ...parts, ...(model === undefined ? {} : { model }) });
  return [Object.freeze({ kind, heads, ...parts, templates })];
}

/** What is not in a layer belongs to the first kind. */
function templatesOf({ kind, templates }: ResolvedKind, index: number): TemplateGroup {
  const prefix = prefixOf(kind);
  if (kind.isModule)
    return { layers: kind.layers, templates: templates.map((one) => ({ ...one, name: prefix + one.name })) };
  return { layers: kind.layers, templates: index === 0 ? templates : templates.filter(isLayered) };
}

/** Layer by layer: runs of templates that are in the layers are interleaved. */
function inForwardOrder(sourced: readonly (readonly SourcedTemplate[])[]): readonly WeightShape[] {
  const shared = sourced[0] ?? [];
  const first = shared.findIndex(({ template }) => isLayered(template));
  const last = shared.findLastIndex(({ template }) => isLayered(template));
  const layers = new Map<number, WeightShape[]>();
  for (const one of sourced.flat()) {
    if (!isLayered(one.template)) continue;
    for (const [index, weight] of one.weights.entries()) {
      const layer = one.layers[index] ?? 0;
      const weights = layers.get(layer) ?? [];
      layers.set(layer, weights);
      weights.push(weight);
    }
  }
  const inLayers = [...layers].sort(([a], [b]) => a - b).flatMap(([, weights]) => weights);
  const before = shared.slice(0, Math.max(first, 0)).flatMap(({ weights }) => weights);
  return Object.freeze([...before, ...inLayers, ...shared.slice(last + 1).flatMap(({ weights }) => weights)]);
}
