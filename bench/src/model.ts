import { compileModule } from '../../src/compiler/compile.ts';
import { parameterCount } from '../../src/compiler/facts/parameters.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { loadModel, type Session } from '../../src/runtime/abi1/index.ts';
import { patternWeights } from '../../src/tune/pattern-weights.ts';
import type { BenchDevice } from './device.ts';

export type WeightDtype = 'f16' | 'int8' | 'int4';

/** Where matrices are of integers, so is the table that the tied head reads. */
const embeddingsOf = (dtype: WeightDtype) => (dtype === 'f16' ? 'kept' : 'quantized');

/** A decoder in the shape of Llama 3.2 1B. */
const oneBillion = (dtype: WeightDtype) => `
gqac: 1
name: llama_1b
model: { vocab: 128256, hidden: 2048, layers: 16, context: 4096, tie_embeddings: true, norm: { kind: rms, eps: 1e-5 } }
attention: { q_heads: 32, kv_heads: 8, head_dim: 64, rope: { base: 5e5, pairing: half }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: gated, activation: silu, width: 8192 }
weights: { dtype: ${dtype}${dtype === 'f16' ? '' : `, embeddings: ${embeddingsOf(dtype)}`} }
`;

export interface ModelMeasurement {
  readonly dtype: WeightDtype;
  readonly embeddings: 'kept' | 'quantized';
  readonly parameters: number;
  readonly variant: string;
  readonly loadSeconds: number;
  /** Bytes: what the process has held at most so far, and all buffers of the device. */
  readonly hostPeak: number;
  readonly devicePeak: number;
  readonly weightBytes: number;
  readonly firstTokenMs: number;
  readonly promptTokens: number;
  /** Of each generation, in order. */
  readonly rates: readonly number[];
  /** Their median. */
  readonly tokensPerSecond: number;
  /** Every byte of the weights is read once a token. */
  readonly weightBytesPerSecond: number;
}

const promptTokens = 2048;
const newTokens = 128;
/** Of prompts and of generations: clocks of the device fall between calls, and the first ones fill caches of the driver. */
const repetitions = 7;

/** Loads the model with random weights of f16, which are quantised on the way if need be, reads a prompt, and generates. */
export async function measureModel({ device }: BenchDevice, dtype: WeightDtype): Promise<ModelMeasurement> {
  const { shaped, diagnostics } = checkSpec({ path: 'model.yaml', text: oneBillion(dtype) });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const { definition } = compileModule(shaped);
  const weights = patternWeights(definition.weights.map(({ source, shape }) => ({ name: source, shape })));
  const before = performance.now();
  const model = await loadModel(definition, { device, weights });
  await device.queue.onSubmittedWorkDone();
  const loadSeconds = (performance.now() - before) / 1e3;
  const session = await model.createSession({ capacity: promptTokens + newTokens + 8 });
  const prompt = Array.from({ length: promptTokens }, (_, n) => (n * 7919) % (shaped.model?.vocab ?? 1));
  const firstTokenMs = median(await firstTokens(session, prompt));
  const rates = await generationRates(session, prompt);
  const tokensPerSecond = median(rates);
  const names = new Set(definition.weights.map(({ name }) => name));
  const bytesOf = (entries: typeof model.allocations) => entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const devicePeak = bytesOf(model.allocations);
  const weightBytes = bytesOf(model.allocations.filter(({ name }) => names.has(name)));
  const parameters = parameterCount(shaped);
  session.dispose();
  const variant = model.variant;
  model.dispose();
  return {
    dtype,
    embeddings: embeddingsOf(dtype),
    parameters,
    variant,
    loadSeconds,
    hostPeak: process.resourceUsage().maxRSS * 1024,
    devicePeak,
    weightBytes,
    firstTokenMs,
    promptTokens,
    rates,
    tokensPerSecond,
    weightBytesPerSecond: weightBytes * tokensPerSecond,
  };
}

/** Milliseconds from a prompt to its logits. */
async function firstTokens(session: Session, prompt: readonly number[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (let run = 0; run < repetitions; run++) {
    session.reset();
    const start = performance.now();
    await session.prefill(prompt);
    times.push(performance.now() - start);
  }
  return times;
}

/** Tokens a second, each time after the same prompt. */
async function generationRates(session: Session, prompt: readonly number[]): Promise<readonly number[]> {
  const rates: number[] = [];
  for (let run = 0; run < repetitions; run++) {
    session.rewind(prompt.length);
    const start = performance.now();
    let count = 0;
    for await (const _ of session.generate(prompt.slice(0, 1), { maxTokens: newTokens, temperature: 0 })) count++;
    rates.push((1e3 * count) / (performance.now() - start));
  }
  return rates;
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
