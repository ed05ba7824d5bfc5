import { checkBudgets } from '../../src/compiler/budget/check-budgets.ts';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { allProfiles, compileModule } from '../../src/compiler/compile.ts';
import type { Diagnostic } from '../../src/compiler/diagnostics/diagnostic.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { type CheckResult, checkSpec } from '../../src/compiler/pipeline.ts';
import { createNullDevice } from '../../src/node/adapter.ts';
import type { KernelDecl, ModuleDefinition, VariantDecl } from '../../src/runtime/abi1/definition.ts';
import { callSequences } from '../../src/verify/calls.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { traceCalls } from '../../src/verify/trace.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';

export interface Verdict {
  readonly kind: 'rejected' | 'ran' | 'compiled';
  /** What should not be; empty when all is well. */
  readonly problems: readonly string[];
}

/** More numbers than these are not computed in f64, only compiled for. */
const mostWeights = 300_000;
const mostHeads = 256;

/** Looks at specs one after another; kernels that were seen before are not compiled again. */
export class Judge {
  readonly #compiled = new Set<string>();
  readonly #devices = new Map<string, Promise<GPUDevice | undefined>>();

  /** Rejected with places in the text, or accepted by the reference and by Dawn. */
  async judge(text: string): Promise<Verdict> {
    const targets = allProfiles.map((profile) => ({
      ...profile,
      limits: { ...profile.limits, maxStorageBufferBindingSize: Infinity, maxBufferSize: Infinity },
    }));
    const result = checkSpec(
      { path: 'spec.yaml', text },
      { checkBudgets: (shaped, report) => checkBudgets(targets, shaped, report) },
    );
    const problems = [...result.diagnostics.flatMap((one) => misplaced(one, text)), ...contradictions(result)];
    if (result.modules.length === 0) return { kind: 'rejected', problems };
    let kind: Verdict['kind'] = 'ran';
    for (const shaped of result.modules) {
      const compiled = compileModule(shaped);
      problems.push(...(await this.#complaints(compiled.definition)));
      if (isLarge(shaped)) kind = 'compiled';
      else problems.push(...(await oracleProblems(shaped)));
    }
    return { kind, problems };
  }

  async close(): Promise<void> {
    for (const device of this.#devices.values()) (await device)?.destroy();
  }

  async #complaints({ variants }: ModuleDefinition): Promise<readonly string[]> {
    const found: string[] = [];
    for (const variant of variants) {
      for (const [name, kernel] of Object.entries(variant.kernels)) {
        if (this.#compiled.has(kernel.code)) continue;
        this.#compiled.add(kernel.code);
        const device = await this.#deviceFor(variant);
        const complaint = device && (await complaintAbout(device, kernel));
        if (complaint !== undefined) found.push(`${variant.id} ${name}: ${complaint}`);
      }
    }
    return found;
  }

  /** Undefined where the null backend lacks a feature. */
  #deviceFor({ id, features, limits }: VariantDecl): Promise<GPUDevice | undefined> {
    const { maxStorageBufferBindingSize: _, maxBufferSize: __, ...own } = limits;
    const known = this.#devices.get(id) ?? createNullDevice(own, features as GPUFeatureName[]).catch(() => undefined);
    this.#devices.set(id, known);
    return known;
  }
}

async function complaintAbout(device: GPUDevice, { code, bindings }: KernelDecl): Promise<string | undefined> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const types = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const;
  const layout = device.createBindGroupLayout({
    entries: bindings.map((access, binding) => ({ binding, visibility: 4, buffer: { type: types[access] } })),
  });
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  device.createComputePipeline({ layout: pipelineLayout, compute: { module, entryPoint: 'main' } });
  const [error, { messages }] = await Promise.all([device.popErrorScope(), module.getCompilationInfo()]);
  return error?.message ?? messages[0]?.message;
}

function misplaced({ code, span, notes, fixes }: Diagnostic, text: string): string[] {
  const edits = fixes.flatMap((fix) => fix.edits);
  return [span, ...notes.map((one) => one.span), ...edits.map((edit) => edit.span)].flatMap((place) => {
    const isSound = place === undefined || (0 <= place.start && place.start <= place.end && place.end <= text.length);
    return isSound ? [] : [`${code} points at ${place.start} to ${place.end} of ${text.length}`];
  });
}

function contradictions({ diagnostics, modules }: CheckResult): readonly string[] {
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
  return hasErrors === modules.length > 0 ? [`${modules.length} modules with ${diagnostics.length} diagnostics`] : [];
}

function isLarge({ weights, layers, model }: ShapedSpec): boolean {
  const elements = weights.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
  const widest = Math.max(
    ...layers.map(({ attention }) => attention.heads.qHeads * (attention.headDim + attention.valueDim)),
  );
  const heads = Math.max(...layers.map(({ attention }) => attention.heads.qHeads));
  return elements > mostWeights || widest > 16_384 || heads > mostHeads || (model?.vocab ?? 0) > 10_000;
}

async function oracleProblems(shaped: ShapedSpec): Promise<readonly string[]> {
  const { module } = compileModule(shaped, []);
  const checkpoint = await randomCheckpoint(shaped, 7);
  const weights = await gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  const problems: string[] = [];
  for (const sequence of callSequences(shaped, 4, 3)) {
    for (const { outputs } of traceCalls(module, weights, sequence, sequence.calls)) {
      for (const [name, { data }] of outputs) {
        if (!data.every((value) => Number.isFinite(value))) problems.push(`${name} of the reference is not finite`);
      }
    }
  }
  return problems;
}
