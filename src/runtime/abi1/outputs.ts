import type { BufferLedger } from './buffers.ts';
import type { BufferDecl } from './definition.ts';
import { UsageError } from './errors.ts';
import { type ExtentBindings, elementsOf, evaluateExtent } from './extents.ts';
import { toFloat32 } from './floats.ts';
import type { LoadedModule } from './loaded-module.ts';
import type { DeviceTensor, Shape, Tensor, TensorDtype } from './tensor.ts';
import type { Workspace } from './workspace.ts';

/** The shape of a tensor on the device, as its type says it. */
export type ShapeOf<T> = T extends DeviceTensor<TensorDtype, infer S> ? S : Shape;

/**
 * Copies back what the last call left in an output, in the extents of that call.
 * @param symbols of the last call; undefined when there was none.
 * @throws UsageError when the module has no such output, or there was no call yet.
 */
export async function readOutput(
  { definition, ledger }: LoadedModule,
  workspace: Workspace,
  name: string,
  symbols: ExtentBindings | undefined,
): Promise<Tensor<'f32'>> {
  const outputs = definition.buffers.filter(({ role, dtype }) => role === 'output' && dtype !== 'u32');
  const output = outputs.find((candidate) => candidate.name === name);
  if (output === undefined) {
    const known = outputs.map((candidate) => candidate.name).join(', ');
    throw new UsageError(`${definition.name} has no output ${name}: it has ${known}; \`attention.hooks\` adds others`);
  }
  if (symbols === undefined) throw new UsageError(`${name}: there was no call yet that could have written it`);
  const data = await readValues(ledger, workspace.buffer(name), output.dtype, elementsOf(output.shape, symbols));
  const shape = output.shape.map((extent) => evaluateExtent(extent, symbols));
  return { dtype: 'f32', shape, data };
}

/** The first `count` floats of a buffer, as f32. */
export async function readValues(
  ledger: BufferLedger,
  buffer: GPUBuffer,
  dtype: BufferDecl['dtype'],
  count: number,
): Promise<Float32Array<ArrayBuffer>> {
  const [format, size] = dtype === 'f16' ? (['F16', 2] as const) : (['F32', 4] as const);
  return toFloat32(format, await ledger.readBack(buffer, 0, size * count), count);
}
