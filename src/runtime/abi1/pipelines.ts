import type { KernelDecl } from './definition.ts';
import { GqacError } from './errors.ts';

/** Values of `GPUShaderStage` (WebGPU §8.3), which is a global only in browsers. */
const shaderStageCompute = 0x4;

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Pipelines of a device by kernel text: modules that share a kernel share its pipeline. */
const compiled = new WeakMap<GPUDevice, Map<string, Promise<Pipeline>>>();

/**
 * Compiles all kernels in parallel.
 * @throws GqacError naming the kernel that the device's compiler refuses, with what it said.
 */
export async function compilePipelines(
  device: GPUDevice,
  kernels: Readonly<Record<string, KernelDecl>>,
): Promise<ReadonlyMap<string, Pipeline>> {
  const cache = compiled.get(device) ?? new Map<string, Promise<Pipeline>>();
  compiled.set(device, cache);
  const entries = Object.entries(kernels).map(async ([name, kernel]): Promise<[string, Pipeline]> => {
    const known = cache.get(kernel.code) ?? compile(device, name, kernel);
    cache.set(kernel.code, known);
    return [name, await known];
  });
  return new Map(await Promise.all(entries));
}

async function compile(device: GPUDevice, name: string, { code, bindings }: KernelDecl): Promise<Pipeline> {
  const layout = device.createBindGroupLayout({
    label: name,
    entries: bindings.map((access, binding) => ({
      binding,
      visibility: shaderStageCompute,
      buffer: { type: access === 'read' ? 'read-only-storage' : access === 'uniform' ? 'uniform' : 'storage' },
    })),
  });
  const module = device.createShaderModule({ label: name, code });
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ label: name, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { pipeline, layout };
  } catch (error) {
    const { messages } = await module.getCompilationInfo();
    const lines = messages.map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
    const reason = lines.join('; ') || (error instanceof Error ? error.message : String(error));
    throw new GqacError(`kernel ${name} does not compile on this device: ${reason}`);
  }
}
