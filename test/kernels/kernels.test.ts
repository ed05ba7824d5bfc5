import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { verifyModule } from '../../src/compiler/ir/verify.ts';
import type { KernelPlan } from '../../src/compiler/plan/kernel-plan.ts';
import { defaultLimits, profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { workgroupBytes } from '../../src/compiler/plan/workgroup-memory.ts';
import { createNullDevice } from '../../src/node/adapter.ts';
import type { KernelDecl } from '../../src/runtime/abi1/definition.ts';
import { elementsOf } from '../../src/runtime/abi1/extents.ts';
import { exampleNames, exampleSpec } from '../ir/specs.ts';
import { kernelSpecs } from './specs.ts';

const specs = await kernelSpecs();
const compiled = [...specs].map(([name, shaped]) => ({ name, shaped, ...compileModule(shaped) }));

const kernelsOf = ({ definition }: (typeof compiled)[number]) =>
  definition.variants.flatMap((variant) =>
    Object.entries(variant.kernels).map(([name, kernel]) => ({ variant, name, kernel })),
  );

const elementBytes: Readonly<Record<string, number>> = {
  f32: 4,
  u32: 4,
  vec2f: 8,
  vec4f: 16,
  vec4h: 8,
  vec4u: 16,
  'atomic<u32>': 4,
};

/** Bytes of the workgroup arrays that the text declares. */
function declaredBytes(code: string): number {
  const arrays = [...code.matchAll(/var<workgroup> \w+: array<([\w<>]+), (\d+)>;/g)];
  expect(arrays.length).toBe([...code.matchAll(/var<workgroup>/g)].length);
  return arrays.reduce(
    (sum, [, element = '', length]) => sum + (elementBytes[element] ?? Number.NaN) * Number(length),
    0,
  );
}

/**
 * What Dawn says of a kernel, by a device that has nothing but the profile's features and WebGPU's default limits. The null backend
 * has no more than these, so that a kernel which takes more is checked as a text only.
 */
async function complaint(
  device: GPUDevice,
  { code, bindings }: KernelDecl,
  wholePipeline = true,
): Promise<string | undefined> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  if (wholePipeline) {
    const types = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const;
    const layout = device.createBindGroupLayout({
      entries: bindings.map((access, binding) => ({ binding, visibility: 4, buffer: { type: types[access] } })),
    });
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
  }
  const [error, { messages }] = await Promise.all([device.popErrorScope(), module.getCompilationInfo()]);
  return error?.message ?? messages[0]?.message;
}

const hasDefaultLimits = (id: string) => profiles[id as keyof typeof profiles].limits === defaultLimits;

describe('every kernel of every variant', () => {
  it('compiles in Dawn without a message, on a device with no more than its profile asks for', async () => {
    const devices = {
      baseline: await createNullDevice(),
      f16: await createNullDevice({}, profiles.f16.features),
      subgroups: await createNullDevice({}, profiles.subgroups.features),
      matrix: await createNullDevice({}, profiles.matrix.features),
    };
    const seen = new Set<string>();
    for (const one of compiled) {
      for (const { variant, name, kernel } of kernelsOf(one)) {
        if (seen.has(kernel.code)) continue;
        seen.add(kernel.code);
        const device = devices[variant.id as keyof typeof devices];
        expect(
          await complaint(device, kernel, hasDefaultLimits(variant.id)),
          `${one.name}, ${variant.id} ${name}:\n${kernel.code}`,
        ).toBeUndefined();
      }
    }
    expect(seen.size).toBeGreaterThan(300);
    for (const device of Object.values(devices)) device.destroy();
  }, 180_000);

  it('has nothing that it does not use', () => {
    for (const one of compiled) {
      for (const { variant, name, kernel } of kernelsOf(one)) {
        const declared = [...kernel.code.matchAll(/^(?:fn|alias|struct|const) (\w+)/gm)].map(
          ([, found]) => found ?? '',
        );
        const unused = declared.filter(
          (found) => found !== 'main' && [...kernel.code.matchAll(new RegExp(`\\b${found}\\b`, 'g'))].length < 2,
        );
        expect(unused, `${one.name}, ${variant.id} ${name}`).toEqual([]);
      }
    }
  });

  it('would be refused with a fault in it: the null backend validates', async () => {
    const device = await createNullDevice();
    const kernel = (body: string, bindings: KernelDecl['bindings'] = []) =>
      complaint(device, { code: `@compute @workgroup_size(1) fn main() { ${body} }`, bindings });
    expect(await kernel('')).toBeUndefined();
    expect(await kernel('x = 1;')).toContain('unresolved');
    expect(await kernel('let h = 1h;')).toContain('f16');
    device.destroy();
  });

  it('stays within the limits of its profile, as its text declares them', () => {
    for (const one of compiled) {
      for (const { variant, name, kernel } of kernelsOf(one)) {
        const where = `${one.name}, ${variant.id} ${name}`;
        const { limits } = profiles[variant.id as keyof typeof profiles];
        expect(declaredBytes(kernel.code), where).toBeLessThanOrEqual(limits.maxComputeWorkgroupStorageSize);
        const size = Number(/@workgroup_size\((\d+)\)/.exec(kernel.code)?.[1]);
        expect(size, where).toBeLessThanOrEqual(limits.maxComputeInvocationsPerWorkgroup);
        const storage = kernel.bindings.filter((access) => access !== 'uniform');
        expect(storage.length, where).toBeLessThanOrEqual(limits.maxStorageBuffersPerShaderStage);
      }
    }
  });

  it('declares exactly the workgroup memory that was planned', () => {
    for (const { programs, definition, name } of compiled) {
      for (const { id, kernels } of definition.variants) {
        const program = programs.find(({ profile }) => profile.id === id);
        const planned = [...(program?.prepare ?? []), ...(program?.prefill ?? []), ...(program?.decode ?? [])];
        const bytes = ({ plan }: { readonly plan: KernelPlan }) => workgroupBytes(plan.workgroup);
        const declared = new Set(Object.values(kernels).map(({ code }) => declaredBytes(code)));
        for (const dispatch of planned) expect(declared, `${name} ${id}`).toContain(bytes(dispatch));
      }
    }
  });

  it('has a readable name that is valid everywhere, and binds only what exists', () => {
    for (const { definition, name } of compiled) {
      const known = new Set([
        ...definition.buffers.map((buffer) => buffer.name),
        ...definition.weights.map((weight) => weight.name),
        ...definition.tables.map((table) => table.name),
        'step',
        'sequences',
        'sampling',
        'context_step',
        'context_sequences',
      ]);
      for (const variant of definition.variants) {
        for (const kernel of Object.keys(variant.kernels)) expect(kernel).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
        const dispatches = [...variant.prepare, ...variant.prefill, ...variant.decode, ...variant.sample];
        for (const { kernel, bind, layers } of dispatches) {
          expect(variant.kernels[kernel]?.bindings.length, `${name}: ${kernel}`).toBe(bind.length);
          const [from, to] = layers ?? [0, 1];
          for (let layer = from; layer < to; layer++) {
            for (const tensor of bind) expect(known, name).toContain(tensor.replace('{i}', String(layer)));
          }
        }
        const used = new Set(dispatches.map(({ kernel }) => kernel));
        expect(new Set(Object.keys(variant.kernels)), `${name} ${variant.id}`).toEqual(used);
      }
    }
  });
});

describe('buffers', () => {
  const symbols = { B: 1, I: 1, J: 4096, C: 4096, L: 1 };

  it('never have the size of repeated KV heads', () => {
    for (const { definition, name } of compiled) {
      const { qHeads, kvHeads, headDim, valueDim } = definition.facts;
      if (qHeads === kvHeads) continue;
      const repeated = qHeads * symbols.J * Math.min(headDim, valueDim);
      for (const buffer of definition.buffers) {
        const growsWithKeys = JSON.stringify(buffer.shape).match(/"[JC]"/) !== null;
        if (growsWithKeys && (buffer.role === 'cache' || buffer.role === 'input')) {
          const widest = Math.ceil(Math.max(headDim, valueDim) / 4) * 4;
          expect(elementsOf(buffer.shape, symbols), `${name}: ${buffer.name}`).toBeLessThanOrEqual(
            kvHeads * symbols.J * widest,
          );
        } else if (growsWithKeys) {
          // What a split leaves for each chunk of 128 keys.
          expect(elementsOf(buffer.shape, symbols), `${name}: ${buffer.name}`).toBeLessThan(
            Math.max(repeated, 2 ** 14),
          );
        }
      }
    }
  });
});

describe('modules of the matrix', () => {
  it('are sound', () => {
    for (const { module, name } of compiled) expect(verifyModule(module), name).toEqual([]);
  });

  it('compile to the same definition twice', () => {
    for (const { shaped, definition } of compiled.slice(0, 10)) {
      expect(JSON.stringify(compileModule(shaped).definition)).toBe(JSON.stringify(definition));
    }
  });
});

describe('kernels of the examples', () => {
  it.each(exampleNames)('are those that are committed with %s, to be reviewed like code', async (name) => {
    // The examples store f16 weights: their dtype comes from the checkpoint.
    const shaped = await exampleSpec(name, (text) => text.replace('weights:', 'weights:\n  dtype: f16'));
    const { variants } = compileModule(shaped).definition;
    const baseline = variants.find(({ id }) => id === 'baseline');
    expect(Object.keys(baseline?.kernels ?? {}).length).toBeGreaterThan(15);
    for (const [kernel, { code }] of Object.entries(baseline?.kernels ?? {})) {
      const committed = await readFile(`examples/${name}/generated/wgsl/${kernel}.wgsl`, 'utf8');
      expect(committed.endsWith(code), `${kernel} differs: build the example again and review it`).toBe(true);
    }
  });
});
