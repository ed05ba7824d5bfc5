import { activateAllHeads, isMaskOfHeads } from './active-heads.ts';
import type { BufferDecl } from './definition.ts';
import { UsageError } from './errors.ts';
import { type ExtentBindings, elementsOf, evaluateExtent } from './extents.ts';
import { fromFloat32 } from './floats.ts';
import type { LoadedModule } from './loaded-module.ts';
import { checkOptions, type OptionNames } from './option-names.ts';
import { readOutput, readValues, type ShapeOf } from './outputs.ts';
import { type PerSequence, perSequence } from './per-sequence.ts';
import { sessionBuffers } from './session-buffers.ts';
import type { DeviceTensor, Tensor } from './tensor.ts';
import { type Step, Workspace } from './workspace.ts';

export interface AttentionSize {
  /** B. Default 1. */
  readonly batch?: number;
  /** I: the most new tokens of a call. */
  readonly tokens: number;
  /** Keys that the cache holds, or that are given, for each sequence at most; rows of the context in cross-attention. Default: `tokens`. */
  readonly keys?: number;
}

const sizeOptions: OptionNames<AttentionSize> = { batch: true, tokens: true, keys: true };

export interface AttentionCall {
  /** New tokens of this call, of all sequences or of each; default: the size's. Query i stands at position keys − tokens + i. */
  readonly tokens?: PerSequence;
  /** Keys after this call; default: `tokens` for a module with a cache, else the size's. In cross-attention, rows of the context. */
  readonly keys?: PerSequence;
  /** First keys that every query sees, for a module with `mask.prefix: runtime`; default 0. */
  readonly prefix?: PerSequence;
}

const callOptions: OptionNames<AttentionCall> = { tokens: true, keys: true, prefix: true };

/**
 * Attention without a model, for buffers of the app. Inputs and outputs are f32 (k and v: the spec's cache dtype; q and `out`: its `precision.activations`) and named:
 * `q` `[B, I, H, D]`, `k` `[B, J, K, D]`, `v` `[B, J, K, Dv]` → `out` `[B, I, H, Dv]`, or with projections
 * `hidden_in` `[B, I, hidden]` (with split inputs `q_in` `[B, I, H, hidden]`, `k_in` and `v_in` `[B, I, K, hidden]`) → `out` `[B, I, hidden]`, with `context` `[B, X, width]` in cross-attention. `bias` is `[1|B, 1|H, I, J]`,
 * `key_mask` u32 `[B, J]` (J = X in cross-attention), `documents` u32 `[B, J]`, `active_heads` u32 `[H]`, all ones when it is allocated here. Parameters
 * that the spec declares `runtime` are `parameters.NAME`, of the shape that their axes say.
 * Where sequences differ in length, I and J are those of the longest: rows beyond a shorter one's end are not read, and what is
 * written to them means nothing.
 */
export class AttentionSession<Tensors extends object = Readonly<Record<string, DeviceTensor>>> {
  readonly #module: LoadedModule;
  readonly #workspace: Workspace;
  readonly #size: Required<AttentionSize>;
  /** Where keys come from: a cache that calls append to, a context that each call replaces, or the app. */
  readonly #keySource: 'cache' | 'context' | 'given';
  /** Inputs that were allocated here and that nobody can have written yet. */
  readonly #missing: Set<string>;
  /** Extents of the last call. */
  #symbols: ExtentBindings | undefined;

  private constructor(
    module: LoadedModule,
    workspace: Workspace,
    size: Required<AttentionSize>,
    missing: readonly string[],
  ) {
    this.#module = module;
    this.#workspace = workspace;
    this.#size = size;
    this.#keySource = keySourceOf(module);
    this.#missing = new Set(missing);
  }

  /**
   * @param tensors buffers for inputs and outputs, by name; those left out are allocated and can be had with `buffer`.
   * @throws UsageError for a tensor of another shape or dtype; LimitError, OutOfMemoryError
   */
  static async create<T extends object = Readonly<Record<string, DeviceTensor>>>(
    module: LoadedModule,
    size: AttentionSize,
    tensors: Readonly<Record<string, DeviceTensor>> = {},
  ): Promise<AttentionSession<T>> {
    if (size === undefined) throw new UsageError('an attention session needs its size: pass { tokens }');
    checkOptions('createSession', size, sizeOptions, 'size');
    const complete = { batch: size.batch ?? 1, tokens: size.tokens, keys: size.keys ?? size.tokens };
    for (const [name, value] of Object.entries(complete)) {
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError(`${name} is ${value}: it must be a positive integer`);
    }
    const { longestCall = complete.tokens, pageSize } = module.definition.facts;
    if (complete.tokens > longestCall)
      throw new UsageError(
        `${complete.tokens} tokens in one call: the ring of this module has room for ${longestCall}`,
      );
    const declared = sessionBuffers(module.definition, module.variant);
    const pages = complete.batch * Math.ceil(complete.keys / (pageSize ?? complete.keys));
    const symbols = { ...symbolsOf(complete), P: pages };
    for (const [name, tensor] of Object.entries(tensors)) {
      const declaration = declared.find((candidate) => candidate.name === name && isInterface(candidate.role));
      if (declaration === undefined)
        throw new UsageError(`${module.definition.name} has no input or output named ${name}`);
      checkTensor(tensor, declaration, symbols, module.definition.facts.prefixColumns);
    }
    const external = new Map(Object.entries(tensors).map(([name, { buffer }]) => [name, buffer]));
    const buffers = declared.filter(({ name }) => !external.has(name));
    const workspace = await Workspace.create(module, { buffers, symbols, external });
    if (pageSize !== undefined)
      workspace.upload(
        'page_table',
        Uint32Array.from({ length: pages }, (_, page) => page),
      );
    activateAllHeads(buffers, workspace);
    const missing = buffers.filter((buffer) => buffer.role === 'input' && !isMaskOfHeads(buffer));
    return new AttentionSession<T>(
      module,
      workspace,
      complete,
      missing.map(({ name }) => name),
    );
  }

  /**
   * An input, output or activation of this session, or the `page_table` of a paged cache, u32 `[B, ceil(keys / page size)]`: each sequence
   * has pages of its own in order, until the app writes others. Who asks for an input is taken to write it before the next call.
   */
  buffer(name: string): GPUBuffer {
    this.#missing.delete(name);
    return this.#workspace.buffer(name);
  }

  /**
   * What the last call left in an output: `out`, or one of the spec's hooks, `hooks.{name}`. In rows beyond a shorter sequence's end, anything.
   * @throws UsageError when there is no such output, or before the first call.
   */
  async read<N extends keyof Tensors & string>(name: N): Promise<Tensor<'f32', ShapeOf<Tensors[N]>>> {
    const tensor = await readOutput(this.#module, this.#workspace, name, this.#symbols);
    return tensor as Tensor<'f32', ShapeOf<Tensors[N]>>;
  }

  /**
   * Records one call into a pass of the app's own, which submits it. One call of a session for each submission.
   * @throws UsageError for lengths that do not fit the session, and for an input that was never given.
   */
  encode(pass: GPUComputePassEncoder, call: AttentionCall = {}): void {
    this.#checkGiven();
    const { batch, keys: capacity } = this.#size;
    const { tokens, keys, prefix } = this.#lengthsOf(call);
    const isContext = this.#keySource === 'context';
    const [mostTokens, mostKeys] = [Math.max(...tokens), Math.max(...keys)];
    const step = (count: number, sequences: Step['sequences']): Step => ({
      batch,
      tokens: count,
      keys: mostKeys,
      capacity,
      allLogits: false,
      sequences,
    });
    const queries = tokens.map((count, b) => ({
      past: isContext ? 0 : (keys[b] ?? 0) - count,
      count,
      prefix: prefix[b] ?? 0,
    }));
    const context = keys.map((count) => ({ past: 0, count }));
    this.#workspace.setStep(step(mostTokens, queries), isContext ? step(mostKeys, context) : undefined);
    const { prefill, decode } = this.#module.variant;
    const symbols = { ...symbolsOf({ batch, tokens: mostTokens, keys: mostKeys }), C: capacity };
    this.#workspace.record(pass, mostTokens === 1 ? decode : prefill, symbols);
    this.#symbols = symbols;
  }

  /** Each sequence's lengths; some may have none. @throws UsageError for lengths that do not fit the session. */
  #lengthsOf(call: AttentionCall) {
    checkOptions('a call', call, callOptions);
    const size = this.#size;
    const given = call.tokens ?? size.tokens;
    const tokens = perSequence('tokens', given, size.batch, size.tokens);
    const keys = perSequence(
      'keys',
      call.keys ?? (this.#keySource === 'cache' ? given : size.keys),
      size.batch,
      size.keys,
    );
    if (Math.max(...tokens) === 0 || Math.max(...keys) === 0)
      throw new UsageError('a call has at least one token and one key');
    const short = tokens.findIndex((count, b) => count > (keys[b] ?? 0));
    if (this.#keySource === 'cache' && short >= 0)
      throw new UsageError(`sequence ${short} has ${tokens[short]} new tokens and ${keys[short]} keys after them`);
    if (call.prefix !== undefined && this.#module.definition.facts.prefix !== 'runtime')
      throw new UsageError(`${this.#module.definition.name} takes no prefix: its spec has no \`mask.prefix: runtime\``);
    const prefix = perSequence('prefix', call.prefix ?? 0, size.batch, 2 ** 31 - 1);
    return { tokens, keys, prefix };
  }

  /** @throws UsageError while an input was never given: what the device has there is zeros. */
  #checkGiven(): void {
    if (this.#missing.size === 0) return;
    const names = [...this.#missing].join(', ');
    throw new UsageError(
      `${this.#module.definition.name} needs ${names}: pass each to \`run\`, or a tensor to \`createSession\`, or write to \`buffer(name)\``,
    );
  }

  /**
   * Uploads inputs, runs one call and reads its output back, `[B, tokens, …]`, zero beyond a sequence's end: for tests and small work.
   * An input that is left out is as it was.
   * @throws UsageError as `encode` does, and for an input that the module has not
   */
  async run(
    inputs: { readonly [Name in keyof Tensors & string]?: Float32Array<ArrayBuffer> },
    call: AttentionCall = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { ledger, device } = this.#module;
    const { tokens, keys } = this.#lengthsOf(call);
    const longest = Math.max(...tokens);
    const symbols = symbolsOf({ batch: this.#size.batch, tokens: longest, keys: Math.max(...keys) });
    const given = inputs as Readonly<Record<string, Float32Array<ArrayBuffer>>>;
    checkOptions('run', given, inputNames(this.#module.definition.buffers), 'input');
    for (const [name, values] of Object.entries(given)) {
      const declared = this.#module.definition.buffers.find((buffer) => buffer.name === name);
      if (declared !== undefined) checkCount(declared, values.length, symbols, symbolsOf(this.#size));
      ledger.upload(this.buffer(name), 0, encoded(values, declared?.dtype ?? 'f32'));
    }
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.encode(pass, call);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const out = this.#module.definition.buffers.find(({ name }) => name === 'out');
    const elements = elementsOf(out?.shape ?? [], { B: this.#size.batch, I: longest });
    const values = await readValues(ledger, this.buffer('out'), out?.dtype ?? 'f32', elements);
    const width = elements / (tokens.length * longest);
    for (const [b, count] of tokens.entries()) values.fill(0, (b * longest + count) * width, (b + 1) * longest * width);
    return values;
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

const inputNames = (buffers: readonly BufferDecl[]) =>
  Object.fromEntries(buffers.flatMap(({ name, role }) => (role === 'input' ? [[name, true as const]] : [])));

const symbolsOf = ({ batch, tokens, keys }: Required<AttentionSize>) => ({
  B: batch,
  I: tokens,
  J: keys,
  C: keys,
  X: keys,
});

function encoded(values: Float32Array<ArrayBuffer>, dtype: BufferDecl['dtype']): Uint8Array<ArrayBuffer> {
  if (dtype === 'u32') return new Uint8Array(Uint32Array.from(values).buffer);
  if (dtype === 'int8') throw new UsageError('caches are not written by the app');
  return fromFloat32(dtype, values);
}

/** @throws UsageError for fewer values than the call reads, and for more than the session has room for. */
function checkCount({ name, shape }: BufferDecl, count: number, call: ExtentBindings, room: ExtentBindings): void {
  if (elementsOf(shape, call) <= count && count <= elementsOf(shape, room)) return;
  const needed = shape.map((extent) => evaluateExtent(extent, call));
  throw new UsageError(`${count} values are given for ${name}, this call needs [${needed.join(', ')}]`);
}

const isInterface = (role: string) => role === 'input' || role === 'output';

/** @param prefixColumns of zero and memory, which nothing that the app gives has a place for. */
function checkTensor(
  tensor: DeviceTensor,
  { name, dtype, shape, role }: BufferDecl,
  symbols: ExtentBindings,
  prefixColumns: number,
): void {
  const expected = shape.map((extent) => evaluateExtent(extent, symbols));
  const shown = (extents: readonly number[]) => `[${extents.join(', ')}]`;
  if (tensor.dtype !== dtype) throw new UsageError(`${name} is ${tensor.dtype}, the module needs ${dtype}`);
  if (shown(tensor.shape) === shown(expected)) return;
  const problem = `${name} is ${shown(tensor.shape)}, this size needs ${shown(expected)}`;
  const isOfKeys = shape.at(-1) === 'J';
  const isOfHeads = role === 'output' && shape.length === 4;
  if (isOfKeys && prefixColumns > 0 && tensor.shape.at(-1) === (expected.at(-1) ?? 0) + prefixColumns) {
    const columns = `the ${prefixColumns} columns of memory and zero, they need none`;
    throw new UsageError(`${problem}: leave out ${columns}`, 'MEM004');
  }
  throw new UsageError(problem, isOfKeys ? 'MSK001' : isOfHeads ? 'DIM003' : undefined);
}
