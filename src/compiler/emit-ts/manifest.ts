import type { Compiled } from '../compile.ts';
import { costReport, usualSizes } from '../facts/cost-report.ts';
import { devices } from '../facts/devices.ts';
import { workgroupBytes } from '../plan/workgroup-memory.ts';
import { kernelTexts } from './kernel-texts.ts';
import { generatedMark, type Origin } from './origin.ts';

/** What was generated and why, for people and tools: kernels with their needs, what they cost at least, and forms that were rejected. */
export function emitManifest({ module, definition, programs }: Compiled, origin: Origin): string {
  const { nameOf } = kernelTexts(definition);
  const { name, kind, abi, facts, weights, buffers } = definition;
  const sizes = usualSizes(facts);
  const variants = definition.variants.flatMap((variant) => {
    const program = programs.find(({ profile }) => profile.id === variant.id);
    if (program === undefined) return [];
    const kernels = [...program.kernels].map(([kernel, { plan, wgsl }]) => ({
      name: kernel,
      file: `wgsl/${nameOf(variant.id, kernel)}.wgsl`,
      invocations: plan.threads,
      workgroupBytes: workgroupBytes(plan.workgroup),
      // In binding order.
      bindings: Object.fromEntries(wgsl.bindings.map(({ name: binding, access }) => [binding, access])),
    }));
    const rejected = program.rejected.map(({ node, variant: form, reason }) => ({
      stage: node.op,
      layer: node.layer,
      form,
      reason,
    }));
    const { id, features, limits } = variant;
    const costs = { device: devices.h100.name, calls: costReport(module, program, sizes, devices.h100) };
    return [{ id, features, limits, kernels, costs, rejected: distinct(rejected) }];
  });
  const { gqacVersion, specPath, specSha256 } = origin;
  const manifest = {
    generated: `${generatedMark} ${gqacVersion}`,
    spec: { path: specPath, sha256: specSha256 },
    name,
    kind,
    abi,
    facts,
    weights,
    buffers,
    variants,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Layers of one shape reject the same forms for the same reasons: once is enough. */
function distinct<T extends { readonly layer?: number | undefined }>(
  entries: readonly T[],
): readonly Omit<T, 'layer'>[] {
  const bare = entries.map(({ layer: _, ...rest }) => rest);
  return [...new Map(bare.map((entry) => [JSON.stringify(entry), entry])).values()];
}
