import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TensorConstructor } from 'onnxruntime-node';
import { elementCount } from '../../src/runtime/abi1/extents.ts';
import { attentionGraph } from './onnx-graph.ts';
import type { AttentionCase } from './reference.ts';

/** Milliseconds that the kernels of one `GroupQueryAttention` take on the device. */
export interface PeerTiming {
  readonly name: string;
  readonly attention: number;
  /** Of the cache, whose old rows are copied to a new tensor in each call. */
  readonly copies: number;
  /** Names of the kernels in ONNX Runtime's profile. */
  readonly kernels: readonly string[];
}

/** Nodes of a graph, and runs of it: enough that the device keeps its clock. The first runs compile and warm. */
const chain = 9;
const runs = 16;
const warmRuns = 6;

/** From the time stamps that ONNX Runtime's WebGPU provider takes of each kernel, and writes into its profile. */
export async function measureOnnxRuntime(one: AttentionCase): Promise<PeerTiming> {
  const prefix = join(tmpdir(), `gqac-bench-${process.pid}-${one.tokens}-${one.keys}`);
  const { qHeads, kvHeads, headDim, tokens, keys } = one;
  const past = keys - tokens;
  const graph = attentionGraph({ qHeads, kvHeads, headDim, tokens, past, chain });
  // Installed for the comparison only.
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(graph, {
    executionProviders: ['webgpu'],
    enableProfiling: true,
    profileFilePrefix: prefix,
  });
  const feeds = feedsOf(one, Tensor);
  for (let n = 0; n < runs; n++) await session.run(feeds);
  session.endProfiling();
  await session.release();
  return { name: one.name, ...summed(await profileAt(prefix)) };
}

function feedsOf({ qHeads, kvHeads, headDim, tokens, keys }: AttentionCase, Tensor: TensorConstructor) {
  const past = keys - tokens;
  const half = (shape: readonly number[]) => {
    const values = new Uint16Array(elementCount(shape));
    // Numbers of magnitude about one, either sign, in the bits of f16.
    for (const index of values.keys())
      values[index] = 0x3800 + ((index * 2654435761) >>> 22) + (index % 2 === 0 ? 0x8000 : 0);
    return new Tensor('float16', values, [...shape]);
  };
  return {
    query: half([1, tokens, qHeads * headDim]),
    key: half([1, tokens, kvHeads * headDim]),
    value: half([1, tokens, kvHeads * headDim]),
    past_key: half([1, kvHeads, past, headDim]),
    past_value: half([1, kvHeads, past, headDim]),
    seqlens_k: new Tensor('int32', Int32Array.of(keys - 1), [1]),
    total_sequence_length: new Tensor('int32', Int32Array.of(keys), [1]),
  };
}

/** Of Chrome's trace format; durations in µs. */
interface TraceEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly ts?: number;
  readonly dur?: number;
}

/** The profile's name ends with the time at which it was begun. */
async function profileAt(prefix: string): Promise<readonly TraceEvent[]> {
  const name = (await readdir(tmpdir())).find((entry) => join(tmpdir(), entry).startsWith(prefix));
  if (name === undefined) throw new Error('ONNX Runtime has written no profile');
  const path = join(tmpdir(), name);
  const events = JSON.parse(await readFile(path, 'utf8')) as readonly TraceEvent[];
  await rm(path);
  return events;
}

function summed(events: readonly TraceEvent[]): Omit<PeerTiming, 'name'> {
  const kernels = new Map<string, number[]>();
  // Kernels are calls to the API, named node&operator&kernel; nodes and the session are timed by the host.
  for (const { cat, name = '', dur = 0 } of events) {
    if (cat !== 'Api' && cat !== 'Kernel') continue;
    const kernel = name.split('&').at(-1) ?? name;
    kernels.set(kernel, [...(kernels.get(kernel) ?? []), dur]);
  }
  if (kernels.size === 0) throw new Error('the profile of ONNX Runtime has no kernels');
  const names = [...kernels.keys()];
  const perNode = (name: string) => {
    const times = kernels.get(name) ?? [];
    const warm = times.slice(Math.floor((times.length * warmRuns) / runs)).sort((a, b) => a - b);
    // A kernel may run several times in a node.
    return ((warm[warm.length >> 1] ?? 0) * times.length) / (runs * chain) / 1e3;
  };
  const total = (wanted: (name: string) => boolean) =>
    names.filter(wanted).reduce((sum, name) => sum + perNode(name), 0);
  const isCopy = (name: string) => /copy/i.test(name);
  return { attention: total((name) => !isCopy(name)), copies: total(isCopy), kernels: names };
}
