import { compileModule } from '../../src/compiler/compile.ts';
import { parameterCount } from '../../src/compiler/facts/parameters.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { ByteSource } from '../../src/runtime/abi1/index.ts';
import { loadModel } from '../../src/runtime/abi1/index.ts';
import type { BenchDevice } from './device.ts';

/** A decoder in the shape of Llama 3.2 1B, weights f16. */
const oneBillion = `
gqac: 1
name: llama_1b
model: { vocab: 128256, hidden: 2048, layers: 16, context: 4096, tie_embeddings: true, norm: { kind: rms, eps: 1e-5 } }
attention: { q_heads: 32, kv_heads: 8, head_dim: 64, rope: { base: 5e5, pairing: half }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: gated, activation: silu, width: 8192 }
weights: { dtype: f16 }
`;

export interface ModelMeasurement {
  readonly parameters: number;
  readonly variant: string;
  readonly loadSeconds: number;
  /** Bytes: what the process holds at most, and all buffers of the device. */
  readonly hostPeak: number;
  readonly devicePeak: number;
  readonly firstTokenMs: number;
  readonly promptTokens: number;
  readonly tokensPerSecond: number;
  /** Bytes of weights read, every one of them once a token. */
  readonly weightBytesPerSecond: number;
}

/** Loads the model with random weights, reads a prompt, and generates. */
export async function measureModel(
  { device }: BenchDevice,
  spec = oneBillion,
  promptTokens = 2048,
  newTokens = 128,
): Promise<ModelMeasurement> {
  const { shaped, diagnostics } = checkSpec({ path: 'model.yaml', text: spec });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const { definition } = compileModule(shaped);
  const weights = randomWeights(definition.weights.map(({ source, shape }) => ({ name: String(source), shape })));
  const before = performance.now();
  const model = await loadModel(definition, { device, weights });
  await device.queue.onSubmittedWorkDone();
  const loadSeconds = (performance.now() - before) / 1e3;
  const session = await model.createSession({ capacity: promptTokens + newTokens + 8 });
  const prompt = Array.from({ length: promptTokens }, (_, n) => (n * 7919) % (shaped.model?.vocab ?? 1));
  // The first run compiles nothing any more, but fills caches of the driver.
  await session.prefill(prompt.slice(0, 64));
  await session.reset();
  const start = performance.now();
  await session.prefill(prompt);
  const firstTokenMs = performance.now() - start;
  const generating = performance.now();
  let count = 0;
  for await (const _ of session.generate([prompt[0] ?? 0], { maxTokens: newTokens, temperature: 0 })) count++;
  const seconds = (performance.now() - generating) / 1e3;
  const allocated = model.allocations.reduce((sum, { bytes }) => sum + bytes, 0);
  const parameters = parameterCount(shaped);
  session.dispose();
  const variant = model.variant;
  model.dispose();
  return {
    parameters,
    variant,
    loadSeconds,
    hostPeak: process.resourceUsage().maxRSS * 1024,
    devicePeak: allocated,
    firstTokenMs,
    promptTokens,
    tokensPerSecond: count / seconds,
    weightBytesPerSecond: (2 * parameters * count) / seconds,
  };
}

/** A checkpoint that is never in memory as a whole: its data is one block of small f16 numbers over and over. */
function randomWeights(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): ByteSource {
  let offset = 0;
  const members = tensors.map(({ name, shape }) => {
    const bytes = 2 * shape.reduce((product, extent) => product * extent, 1);
    const member = [name, { dtype: 'F16', shape, data_offsets: [offset, offset + bytes] }] as const;
    offset += bytes;
    return member;
  });
  const text = JSON.stringify(Object.fromEntries(members));
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const dataStart = 8 + header.byteLength;
  const block = new Uint16Array(1 << 20);
  // Halves of magnitude about 0.02, either sign.
  for (const index of block.keys())
    block[index] = 0x2400 + ((index * 2654435761) >>> 24) + (index % 2 === 0 ? 0x8000 : 0);
  const pattern = new Uint8Array(block.buffer);
  return {
    name: 'random weights',
    size: dataStart + offset,
    async read(start, end) {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end; ) {
        const [source, from] =
          at < 8
            ? [lengthOf(header), at]
            : at < dataStart
              ? [header, at - 8]
              : [pattern, (at - dataStart) % pattern.byteLength];
        const part = source.subarray(from, from + Math.min(source.byteLength - from, end - at));
        bytes.set(part, at - start);
        at += part.byteLength;
      }
      return bytes;
    },
    async close() {},
  };
}

function lengthOf(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  return bytes;
}
