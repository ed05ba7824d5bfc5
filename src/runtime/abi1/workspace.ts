import { type AllocationRequest, type BufferLedger, bufferUsage } from './buffers.ts';
import type { BufferDecl, DispatchDecl, ModuleDefinition, TableDecl } from './definition.ts';
import { LimitError, UsageError } from './errors.ts';
import { type ExtentBindings, elementsOf, evaluateExtent } from './extents.ts';
import type { Pipeline } from './pipelines.ts';
import { ropeTable } from './rope-table.ts';
import { sinusoidTable } from './sinusoid-table.ts';

/** What a workspace needs of a loaded module. */
export interface WorkspaceHost {
  readonly definition: ModuleDefinition;
  readonly device: GPUDevice;
  readonly ledger: BufferLedger;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  readonly tensors: ReadonlyMap<string, GPUBuffer>;
}

/** As in the kernels' `Sequence`: tokens in the cache, new tokens, and first keys that all queries see (default none). */
export interface SequenceStep {
  readonly past: number;
  readonly count: number;
  readonly prefix?: number;
}

/** One call, in the words of the kernels' `Step`, and its sequences. */
export interface Step {
  readonly batch: number;
  /** The longest number of new tokens; rows of shorter sequences are padding. */
  readonly tokens: number;
  /** The longest sequence after this call. */
  readonly keys: number;
  readonly capacity: number;
  readonly allLogits: boolean;
  readonly sequences: readonly SequenceStep[];
}

export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly seed: number;
  readonly draw: number;
}

export interface WorkspaceOptions {
  /** Declarations to allocate, with the symbols that size them at their largest. */
  readonly buffers: readonly BufferDecl[];
  readonly symbols: ExtentBindings;
  /** Buffers of the app, by the name that the module knows them by. */
  readonly external: ReadonlyMap<string, GPUBuffer>;
}

/** As in the kernels' `sequences`, a uniform array of fixed length. */
export const maxBatch = 256;
const sequenceWords = 4;

/** A call is written at once: `step` in one buffer with `sequences`, which begins where a uniform may. */
const callBytes = 256 + 4 * maxBatch * sequenceWords;
const stepPart = { offset: 0, size: 32 };
const sequencesPart = { offset: 256, size: callBytes - 256 };

/** What is bound under these names: parts of buffers, whose names no tensor has. */
const callParts: ReadonlyMap<string, { readonly buffer: string; readonly offset: number; readonly size: number }> =
  new Map([
    ['step', { buffer: 'call: step', ...stepPart }],
    ['sequences', { buffer: 'call: step', ...sequencesPart }],
    ['context_step', { buffer: 'call: context', ...stepPart }],
    ['context_sequences', { buffer: 'call: context', ...sequencesPart }],
  ]);

const elementBytes = { f32: 4, f16: 2, u32: 4 } as const;
const { storage, copySource, copyDestination, uniform } = bufferUsage;

/** Buffers of one session, and the bind groups that join them with the module's kernels. Not for two calls at a time. */
export class Workspace {
  readonly #host: WorkspaceHost;
  readonly #own: ReadonlyMap<string, GPUBuffer>;
  readonly #external: ReadonlyMap<string, GPUBuffer>;
  /** What lists of dispatches come to, found once: a token is recorded while the one before it runs. */
  readonly #steps = new WeakMap<readonly DispatchDecl[], readonly RecordedStep[]>();

  /** What the device has of it: a write takes the host as long as five dispatches. */
  #sampling: Uint32Array<ArrayBuffer> | undefined;

  #isDisposed = false;

  /** Along an axis: asked for once, as devices make an object of all limits each time. */
  readonly #mostWorkgroups: number;

  private constructor(
    host: WorkspaceHost,
    own: ReadonlyMap<string, GPUBuffer>,
    external: ReadonlyMap<string, GPUBuffer>,
  ) {
    this.#host = host;
    this.#own = own;
    this.#external = external;
    this.#mostWorkgroups = host.device.limits.maxComputeWorkgroupsPerDimension;
  }

  /** @throws LimitError, OutOfMemoryError */
  static async create(host: WorkspaceHost, { buffers, symbols, external }: WorkspaceOptions): Promise<Workspace> {
    const { ledger, definition } = host;
    const tables = symbols.C === undefined ? [] : definition.tables.map((table) => tableOf(table, symbols.C ?? 0));
    const requests: AllocationRequest[] = [
      ...buffers.map((declared) => ({
        name: declared.name,
        bytes: Math.max(16, bytesOf(declared, symbols)),
        usage: storage | copySource | copyDestination,
      })),
      ...tables.map(({ name, values }) => ({ name, bytes: values.byteLength, usage: storage | copyDestination })),
      ...['call: step', 'call: context'].map((name) => ({
        name,
        bytes: callBytes,
        usage: uniform | copyDestination,
      })),
      { name: 'sampling', bytes: 32, usage: uniform | copyDestination },
    ];
    const allocated = await ledger.allocateAll(requests);
    const own = new Map(requests.map(({ name }, index) => [name, allocated[index] as GPUBuffer]));
    const workspace = new Workspace(host, own, external);
    for (const { name, values } of tables) ledger.upload(workspace.buffer(name), 0, new Uint8Array(values.buffer));
    return workspace;
  }

  /** @throws UsageError when nothing has this name, and once the session is disposed. */
  buffer(name: string): GPUBuffer {
    if (this.#isDisposed) throw new UsageError(`${this.#host.definition.name}: the session is disposed: make another`);
    const found = this.#external.get(name) ?? this.#own.get(name) ?? this.#host.tensors.get(name);
    if (found === undefined) throw new UsageError(`${this.#host.definition.name}: no buffer is given for ${name}`);
    return found;
  }

  /** `context`: the rows that a cross-attention's keys come from. */
  setStep(step: Step, context?: Step): void {
    this.upload('call: step', wordsOf(step));
    if (context !== undefined) this.upload('call: context', wordsOf(context));
  }

  setSampling({ temperature, topP, topK, seed, draw }: Sampling): void {
    const words = new Uint32Array(5);
    new Float32Array(words.buffer).set([temperature, topP]);
    words.set([topK, seed, draw], 2);
    if (this.#sampling?.every((word, index) => word === words[index])) return;
    this.#sampling = words;
    this.upload('sampling', words);
  }

  /** Writes words to the start of a buffer. */
  upload(name: string, words: Uint32Array<ArrayBuffer>): void {
    this.#host.ledger.upload(this.buffer(name), 0, new Uint8Array(words.buffer));
  }

  /** Records dispatches in order; runs of layers are repeated together. */
  record(pass: GPUComputePassEncoder, dispatches: readonly DispatchDecl[], symbols: ExtentBindings): void {
    this.#dispatch(pass, this.#allSteps(dispatches), symbols);
  }

  /** Records and submits dispatches: `first` of them by themselves, then four times as many, and so on. */
  submit(dispatches: readonly DispatchDecl[], symbols: ExtentBindings, first = Number.POSITIVE_INFINITY): void {
    const { device } = this.#host;
    const steps = this.#allSteps(dispatches);
    for (let from = 0, size = first; from < steps.length; from += size, size *= 4) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      this.#dispatch(pass, steps.slice(from, from + size), symbols);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  }

  #allSteps(dispatches: readonly DispatchDecl[]): readonly RecordedStep[] {
    const steps = this.#steps.get(dispatches) ?? this.#stepsOf(dispatches);
    this.#steps.set(dispatches, steps);
    return steps;
  }

  #stepsOf(dispatches: readonly DispatchDecl[]): readonly RecordedStep[] {
    const steps: RecordedStep[] = [];
    for (let index = 0; index < dispatches.length; ) {
      const range = dispatches[index]?.layers;
      let end = index + 1;
      while (end < dispatches.length && sameRange(dispatches[end]?.layers, range) && range !== undefined) end++;
      const group = dispatches.slice(index, end);
      for (let layer = range?.[0] ?? 0; layer < (range?.[1] ?? 1); layer++) {
        for (const dispatch of group) steps.push(this.#stepOf(dispatch, layer));
      }
      index = end;
    }
    return steps;
  }

  #stepOf({ kernel: name, bind, grid }: DispatchDecl, layer: number): RecordedStep {
    const kernel = this.#host.pipelines.get(name);
    if (kernel === undefined) throw new UsageError(`${this.#host.definition.name} has no kernel ${name}`);
    const { pipeline, layout } = kernel;
    const make = () => {
      const resources = bind.map((tensor) => this.#resource(tensor.replace('{i}', String(layer))));
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      return this.#host.device.createBindGroup({ label: name, layout, entries });
    };
    let group: GPUBindGroup | undefined;
    const bindGroup = () => {
      group ??= make();
      return group;
    };
    return { name, pipeline, bindGroup, grid };
  }

  #resource(name: string): GPUBufferBinding {
    const part = callParts.get(name);
    return part === undefined ? { buffer: this.buffer(name) } : { ...part, buffer: this.buffer(part.buffer) };
  }

  /** Layers share the grids of their dispatches: each is evaluated once a call. */
  #dispatch(pass: GPUComputePassEncoder, steps: readonly RecordedStep[], symbols: ExtentBindings): void {
    const grids = new Map<DispatchDecl['grid'], Workgroups>();
    for (const { name, pipeline, bindGroup, grid } of steps) {
      const workgroups = grids.get(grid) ?? this.#workgroupsOf(grid, symbols, name);
      grids.set(grid, workgroups);
      const [columns, rows, layers] = workgroups;
      if (columns * rows * layers === 0) continue;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup());
      pass.dispatchWorkgroups(columns, rows, layers);
    }
  }

  #workgroupsOf([x, y, z]: DispatchDecl['grid'], symbols: ExtentBindings, kernel: string): Workgroups {
    const workgroups = [evaluateExtent(x, symbols), evaluateExtent(y, symbols), evaluateExtent(z, symbols)] as const;
    const largest = Math.max(...workgroups);
    if (largest > this.#mostWorkgroups)
      throw new LimitError('maxComputeWorkgroupsPerDimension', largest, this.#mostWorkgroups, kernel);
    return workgroups;
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const buffer of this.#own.values()) this.#host.ledger.free(buffer);
  }
}

function wordsOf({ batch, tokens, keys, capacity, allLogits, sequences }: Step): Uint32Array<ArrayBuffer> {
  const first = sequencesPart.offset / 4;
  const words = new Uint32Array(first + sequenceWords * sequences.length);
  words.set([batch, tokens, keys, capacity, allLogits ? 1 : 0]);
  words.set(
    sequences.flatMap(({ past, count, prefix = 0 }) => [past, count, prefix, 0]),
    first,
  );
  return words;
}

/** Rows of int8 stand in blocks of four, each with four scales. */
function bytesOf({ dtype, shape }: BufferDecl, symbols: ExtentBindings): number {
  if (dtype !== 'int8') return elementsOf(shape, symbols) * elementBytes[dtype];
  const blocks = Math.ceil(elementsOf(shape.slice(0, -1), symbols) / 4);
  return blocks * (16 + 4 * elementsOf(shape.slice(-1), symbols));
}

/** One dispatch of one layer. The bind group is made when it is first needed. */
interface RecordedStep {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: () => GPUBindGroup;
  readonly grid: DispatchDecl['grid'];
}

type Workgroups = readonly [number, number, number];

const sameRange = (a: DispatchDecl['layers'], b: DispatchDecl['layers']) => a?.[0] === b?.[0] && a?.[1] === b?.[1];

function tableOf(table: TableDecl, capacity: number) {
  const { name } = table;
  if (table.kind === 'rope') return { name, values: ropeTable(table, capacity) };
  const { width, pairing, offset } = table;
  return { name, values: sinusoidTable({ width, pairing, rows: capacity + offset }) };
}
