import type { KernelDecl, ModuleDefinition, ModuleFacts, VariantDecl } from '../../runtime/abi1/definition.ts';
import type { ShapedSpec } from '../check/shaped-spec.ts';
import type { Enable } from '../emit-wgsl/kernel.ts';
import type { AttnModule } from '../ir/nodes.ts';
import { sharedScratch } from '../plan/scratch.ts';
import { bufferDecl, tablesOf, weightDecl } from './buffers.ts';
import { rollLayers } from './dispatches.ts';
import type { EmittedProgram } from './emitted-program.ts';

/** In: the checked spec, its module, and a program for each target. Out: everything that the runtime needs, as plain data. */
export function assembleDefinition(
  shaped: ShapedSpec,
  module: AttnModule,
  programs: readonly EmittedProgram[],
): ModuleDefinition {
  const tensors = [...module.tensors.values()];
  const scratch = sharedScratch(programs.flatMap((program) => program.scratch));
  return Object.freeze({
    abi: 1,
    name: module.name,
    kind: module.kind,
    facts: factsOf(shaped),
    weights: tensors.flatMap(weightDecl),
    tables: tablesOf(module),
    buffers: [...tensors.flatMap(bufferDecl), ...scratch],
    variants: distinct(programs.map(variantOf)),
  });
}

function factsOf({ layers, layerKinds, model }: ShapedSpec): ModuleFacts {
  const attention = layers[0]?.attention;
  if (attention === undefined) throw new Error('a spec has at least one layer');
  const { heads, headDim, valueDim, columns, hidden, cacheDtype } = attention;
  return {
    layers: layers.length,
    ...(layerKinds && { layerKinds }),
    qHeads: heads.qHeads,
    kvHeads: heads.kvHeads,
    headDim,
    valueDim,
    memorySlots: columns.memory,
    prefixColumns: columns.zero + columns.memory,
    hidden: hidden ?? 0,
    vocab: model?.vocab ?? 0,
    context: model?.context ?? 0,
    cacheDtype,
    ...prefixOf(layers),
    output: model === undefined ? 'out' : model.head.kind,
    causal: layers.every((layer) => layer.attention.mask.causal),
    ...cacheFacts(layers),
  };
}

function cacheFacts(layers: ShapedSpec['layers']): Pick<ModuleFacts, 'longestCall' | 'pageSize'> {
  const layouts = layers.flatMap(({ attention }) => attention.cacheLayout ?? []);
  const calls = layouts.flatMap((layout) => (layout.kind === 'ring' ? [layout.longestCall] : []));
  const [pageSize] = layouts.flatMap((layout) => (layout.kind === 'paged' ? [layout.pageSize] : []));
  return { ...(calls.length > 0 && { longestCall: Math.min(...calls) }), ...(pageSize !== undefined && { pageSize }) };
}

function prefixOf(layers: ShapedSpec['layers']): Pick<ModuleFacts, 'prefix'> {
  const prefixes = layers.flatMap(({ attention }) => attention.mask.prefix ?? []);
  if (prefixes.length === 0) return {};
  if (prefixes.includes('runtime')) return { prefix: 'runtime' };
  return { prefix: Math.max(...prefixes.map(Number)) };
}

function variantOf(program: EmittedProgram): VariantDecl {
  const kernels = [...program.kernels].map(([name, { wgsl }]): [string, KernelDecl] => [
    name,
    { code: wgsl.code, bindings: wgsl.bindings.map(({ access }) => access) },
  ]);
  const { id, limits, subgroupSize } = program.profile;
  const enables = [...program.kernels.values()].flatMap(({ wgsl }) => wgsl.enables);
  const features = [...new Set(enables.map(featureOf))];
  return {
    id,
    features,
    limits: { ...limits },
    ...(subgroupSize !== undefined && features.includes('subgroups') && { subgroupSize }),
    ...(program.chunk !== undefined && { chunk: program.chunk }),
    kernels: Object.fromEntries(kernels),
    prepare: rollLayers(program.prepare, program),
    prefill: rollLayers(program.prefill, program),
    decode: rollLayers(program.decode, program),
    sample: rollLayers(program.sample, program),
  };
}

const featureOf = (enable: Enable) => (enable === 'f16' ? 'shader-f16' : enable.replaceAll('_', '-'));

/** A variant whose kernels are those of another, less demanding one adds nothing. */
function distinct(variants: readonly VariantDecl[]): readonly VariantDecl[] {
  const texts = variants.map(({ kernels, prefill, decode }) => JSON.stringify([kernels, prefill, decode]));
  return variants.filter((_, index) => texts.lastIndexOf(texts[index] ?? '') === index);
}
