import type { CallSize, KernelCost } from '../compiler/facts/kernel-costs.ts';
import type { BufferDecl, DispatchDecl } from '../runtime/abi1/definition.ts';
import type { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import type { Workspace } from '../runtime/abi1/workspace.ts';
import { callWorkspace, fillNumbers, stepOf, symbolsOf } from './call-workspace.ts';
import { copiesBeyond } from './copies.ts';
import type { BenchDevice } from './node-bench.ts';
import { passMilliseconds, repetitionsIn, type Timing } from './stopwatch.ts';

export interface CallTiming {
  /** Milliseconds of everything that the call runs. */
  readonly whole: Timing;
  /** In the order of `costs`: of all dispatches of a kernel, with nothing else between them. */
  readonly kernels: readonly Timing[];
}

/** A call to be timed: what it runs, and what of that each kernel is. */
export interface BenchedCall {
  readonly size: CallSize;
  readonly costs: readonly KernelCost[];
}

/** Times a call of a loaded program on made-up inputs, and each of its kernels. Throws the signal's reason when it is aborted. */
export async function benchCall(
  loaded: LoadedModule,
  call: BenchedCall,
  bench: BenchDevice,
  { signal, onKernel }: { readonly signal: AbortSignal; readonly onKernel?: (done: number, count: number) => void },
): Promise<CallTiming> {
  const { variant } = loaded;
  const { size, costs } = call;
  const all = [...(size.tokens === 1 ? variant.decode : variant.prefill), ...variant.sample];
  const workspaces: Workspace[] = [];
  const time = (dispatches: readonly DispatchDecl[]) => timeOf(dispatches, workspaces, size, bench);
  try {
    for (let n = 0; n < copiesOf(loaded, call, bench.cacheBytes); n++)
      workspaces.push(await filledWorkspace(loaded, size, n));
    // Activations are then what the kernels before make of the inputs.
    const whole = await time(all);
    const kernels: Timing[] = [];
    for (const { kernel } of costs) {
      signal.throwIfAborted();
      onKernel?.(kernels.length, costs.length);
      kernels.push(await time(all.filter((dispatch) => dispatch.kernel === kernel)));
    }
    return { whole, kernels };
  } finally {
    for (const workspace of workspaces) workspace.dispose();
  }
}

/** An app has other keys in every layer: what a token of one attention alone reads must not be found in the cache of the chip each time. */
function copiesOf({ definition }: LoadedModule, { size, costs }: BenchedCall, cacheBytes: number): number {
  if (definition.kind === 'model' || size.tokens > 1) return 1;
  return copiesBeyond(
    cacheBytes,
    costs.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
  );
}

async function timeOf(
  dispatches: readonly DispatchDecl[],
  workspaces: readonly Workspace[],
  size: CallSize,
  { stopwatch }: BenchDevice,
): Promise<Timing> {
  const symbols = symbolsOf(stepOf(size));
  const record = (pass: GPUComputePassEncoder, repetition: number) =>
    workspaces[repetition % workspaces.length]?.record(pass, dispatches, symbols);
  const { median } = await stopwatch.time(record, { repetitions: 1, passes: 1 });
  return stopwatch.time(record, { repetitions: repetitionsIn(passMilliseconds, median), passes: 5 });
}

async function filledWorkspace(loaded: LoadedModule, size: CallSize, seed: number): Promise<Workspace> {
  const workspace = await callWorkspace(loaded, size);
  workspace.setSampling({ temperature: 0, topP: 1, topK: 0, seed: 0, draw: 0 });
  for (const [index, buffer] of loaded.definition.buffers.entries())
    fillBuffer(loaded.device, workspace, buffer, 100 * seed + index);
  return workspace;
}

/** What a call is given: numbers of size one, masks that let everything through, pages in their order, and ids of 0. */
function fillBuffer(device: GPUDevice, workspace: Workspace, { name, role, dtype, shape }: BufferDecl, seed: number) {
  if (role !== 'input' && role !== 'cache' && role !== 'pages') return;
  const target = workspace.buffer(name);
  if (dtype === 'u32') workspace.upload(name, wordsOf(name, role, target.size / 4));
  else fillNumbers(device, target, { stored: dtype, shape, entryBytes: dtype === 'f16' ? 2 : 4, seed });
}

function wordsOf(name: string, role: BufferDecl['role'], count: number): Uint32Array<ArrayBuffer> {
  if (role === 'pages') return Uint32Array.from({ length: count }, (_, index) => index);
  return new Uint32Array(count).fill(name === 'ids' ? 0 : 1);
}
