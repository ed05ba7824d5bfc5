import type { BufferDecl } from './definition.ts';
import { UsageError } from './errors.ts';
import { type ExtentBindings, elementsOf, evaluateExtent } from './extents.ts';
import { fromFloat32 } from './floats.ts';
import type { LoadedModule } from './loaded-module.ts';
import type { DeviceTensor } from './tensor.ts';
import { Workspace } from './workspace.ts';

export interface AttentionSize {
  /** B. Default 1. */
  readonly batch?: number;
  /** I: the most new tokens of a call. */
  readonly tokens: number;
  /** Keys that the cache holds, or that are given, for each sequence at most; rows of the context in cross-attention. Default: `tokens`. */
  readonly keys?: number;
}

export interface AttentionCall {
  /** New tokens of this call; default: the size's. Query i stands at position keys − tokens + i. */
  readonly tokens?: number;
  /** Keys after this call; default: `tokens` for a module with a cache, else the size's. In cross-attention, rows of the context. */
  readonly keys?: number;
}

/**
 * Attention without a model, for buffers of the app. Inputs and outputs are f32 (k and v: the spec's cache dtype) and named:
 * `q` `[B, I, H, D]`, `k` `[B, J, K, D]`, `v` `[B, J, K, Dv]` → `out` `[B, I, H, Dv]`, or with projections
 * `hidden_in` `[B, I, hidden]` (with split inputs `q_in` `[B, I, H, hidden]`, `k_in` and `v_in` `[B, I, K, hidden]`) → `out` `[B, I, hidden]`, with `context` `[B, X, width]` in cross-attention. `bias` is `[1|B, 1|H, I, J]`,
 * `key_mask` u32 `[B, J]` (J = X in cross-attention).
 */
export class AttentionSession {
  readonly #module: LoadedModule;
  readonly #workspace: Workspace;
  readonly #size: Required<AttentionSize>;
  /** Where keys come from: a cache that calls append to, a context that each call replaces, or the app. */
  readonly #keySource: 'cache' | 'context' | 'given';

  private constructor(module: LoadedModule, workspace: Workspace, size: Required<AttentionSize>) {
    this.#module = module;
    this.#workspace = workspace;
    this.#size = size;
    this.#keySource = keySourceOf(module);
  }

  /**
   * @param tensors buffers for inputs and outputs, by name; those left out are allocated and can be had with `buffer`.
   * @throws UsageError for a tensor of another shape or dtype; LimitError, OutOfMemoryError
   */
  static async create(
    module: LoadedModule,
    size: AttentionSize,
    tensors: Readonly<Record<string, DeviceTensor>> = {},
  ): Promise<AttentionSession> {
    const complete = { batch: size.batch ?? 1, tokens: size.tokens, keys: size.keys ?? size.tokens };
    for (const [name, value] of Object.entries(complete)) {
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError(`${name} is ${value}: it must be a positive integer`);
    }
    const declared = module.definition.buffers.filter(({ role }) => role !== 'prepared');
    const symbols = symbolsOf(complete);
    for (const [name, tensor] of Object.entries(tensors)) {
      const declaration = declared.find((candidate) => candidate.name === name && isInterface(candidate.role));
      if (declaration === undefined)
        throw new UsageError(`${module.definition.name} has no input or output named ${name}`);
      checkTensor(tensor, declaration, symbols);
    }
    const external = new Map(Object.entries(tensors).map(([name, { buffer }]) => [name, buffer]));
    const buffers = declared.filter(({ name }) => !external.has(name));
    return new AttentionSession(module, await Workspace.create(module, { buffers, symbols, external }), complete);
  }

  /** An input, output or activation of this session. */
  buffer(name: string): GPUBuffer {
    return this.#workspace.buffer(name);
  }

  /** Records one call into a pass of the app's own, which submits it. One call of a session for each submission. */
  encode(pass: GPUComputePassEncoder, call: AttentionCall = {}): void {
    const { batch } = this.#size;
    const tokens = call.tokens ?? this.#size.tokens;
    const keys = call.keys ?? (this.#keySource === 'cache' ? tokens : this.#size.keys);
    this.#checkCall(tokens, keys);
    const past = this.#keySource === 'context' ? 0 : keys - tokens;
    const step = (count: number, from: number) => ({
      batch,
      tokens: count,
      keys,
      capacity: this.#size.keys,
      allLogits: false,
      sequences: Array.from({ length: batch }, () => ({ past: from, count })),
    });
    this.#workspace.setStep(step(tokens, past), this.#keySource === 'context' ? step(keys, 0) : undefined);
    const { prefill, decode } = this.#module.variant;
    const symbols = { ...symbolsOf({ batch, tokens, keys }), C: this.#size.keys };
    this.#workspace.record(pass, tokens === 1 ? decode : prefill, symbols);
  }

  #checkCall(tokens: number, keys: number): void {
    const size = this.#size;
    const fits = tokens >= 1 && keys >= 1 && tokens <= size.tokens && keys <= size.keys;
    if (!fits || (this.#keySource === 'cache' && keys < tokens)) {
      throw new UsageError(`${tokens} tokens and ${keys} keys do not fit a session of ${size.tokens} and ${size.keys}`);
    }
  }

  /** Uploads inputs, runs one call and reads its output back, `[B, tokens, …]`: for tests and small work. */
  async run(
    inputs: Readonly<Record<string, Float32Array<ArrayBuffer>>>,
    call: AttentionCall = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { ledger, device } = this.#module;
    for (const [name, values] of Object.entries(inputs)) {
      const declared = this.#module.definition.buffers.find((buffer) => buffer.name === name);
      ledger.upload(this.buffer(name), 0, encoded(values, declared?.dtype ?? 'f32'));
    }
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.encode(pass, call);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const out = this.#module.definition.buffers.find(({ name }) => name === 'out');
    const elements = elementsOf(out?.shape ?? [], { B: this.#size.batch, I: call.tokens ?? this.#size.tokens });
    return new Float32Array((await ledger.readBack(this.buffer('out'), 0, 4 * elements)).buffer);
  }

  /** Frees what was allocated here, not the app's buffers. */
  dispose(): void {
    this.#workspace.dispose();
  }
}

function keySourceOf({ definition }: LoadedModule): 'cache' | 'context' | 'given' {
  // Rows X are those of a context.
  if (definition.buffers.some(({ role, shape }) => role === 'input' && shape[1] === 'X')) return 'context';
  return definition.buffers.some(({ role }) => role === 'cache') ? 'cache' : 'given';
}

const symbolsOf = ({ batch, tokens, keys }: Required<AttentionSize>) => ({
  B: batch,
  I: tokens,
  J: keys,
  C: keys,
  X: keys,
});

function encoded(values: Float32Array<ArrayBuffer>, dtype: BufferDecl['dtype']): Uint8Array<ArrayBuffer> {
  if (dtype === 'u32') return new Uint8Array(Uint32Array.from(values).buffer);
  return fromFloat32(dtype, values);
}

const isInterface = (role: string) => role === 'input' || role === 'output';

function checkTensor(tensor: DeviceTensor, { name, dtype, shape }: BufferDecl, symbols: ExtentBindings): void {
  const expected = shape.map((extent) => evaluateExtent(extent, symbols));
  const shown = (extents: readonly number[]) => `[${extents.join(', ')}]`;
  if (tensor.dtype !== dtype) throw new UsageError(`${name} is ${tensor.dtype}, the module needs ${dtype}`);
  if (shown(tensor.shape) !== shown(expected)) {
    throw new UsageError(`${name} is ${shown(tensor.shape)}, this size needs ${shown(expected)}`);
  }
}
