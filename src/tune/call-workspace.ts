import type { CallSize } from '../compiler/facts/kernel-costs.ts';
import type { BufferDecl } from '../runtime/abi1/definition.ts';
import { elementsOf } from '../runtime/abi1/extents.ts';
import type { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { type Step, Workspace } from '../runtime/abi1/workspace.ts';
import { fill } from './device-data.ts';
import { fillInt8 } from './int8-data.ts';

/** A call whose keys are as many as there is room for. */
export function stepOf({ batch, tokens, keys }: CallSize): Step {
  const sequences = Array.from({ length: batch }, () => ({ past: Math.max(0, keys - tokens), count: tokens }));
  return { batch, tokens, keys, capacity: keys, allLogits: false, sequences };
}

/** Its extents. */
export const symbolsOf = ({ batch, tokens, keys }: Step) => ({
  B: batch,
  I: tokens,
  J: keys,
  C: keys,
  X: keys,
  L: batch,
});

/** All buffers of such a call, inputs among them; a cross-attention's rows are as many as the keys. */
export async function callWorkspace(loaded: LoadedModule, size: CallSize): Promise<Workspace> {
  const { batch, keys } = size;
  const { buffers, facts } = loaded.definition;
  const step = stepOf(size);
  const workspace = await Workspace.create(loaded, {
    buffers: buffers.filter(({ role }) => role !== 'prepared'),
    symbols: { ...symbolsOf(step), P: batch * Math.ceil(keys / (facts.pageSize ?? keys)) },
    external: new Map(),
  });
  workspace.setStep(step, stepOf({ ...size, tokens: keys }));
  return workspace;
}

interface Numbers {
  readonly stored: Exclude<BufferDecl['dtype'], 'u32'>;
  readonly shape: BufferDecl['shape'];
  /** Of what the buffer has room for, where that is not what is stored. */
  readonly entryBytes: number;
  readonly seed: number;
}

/** Numbers of size one all over a buffer. */
export function fillNumbers(device: GPUDevice, buffer: GPUBuffer, { stored, shape, entryBytes, seed }: Numbers): void {
  if (stored === 'int8') fillInt8(device, buffer, elementsOf(shape.slice(-1), {}), seed);
  else fill(device, buffer, Math.floor(buffer.size / entryBytes / 2) * 2, stored, seed);
}
