import { AttentionSession, type AttentionSize } from './attention.ts';
import type { LedgerEntry } from './buffers.ts';
import type { ModuleDefinition } from './definition.ts';
import { LoadedModule, type LoadOptions } from './loaded-module.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session-options.ts';
import type { DeviceTensor, Shape } from './tensor.ts';

type Shapes = Readonly<Record<string, Shape>>;

/** A model on a device. `Vocab` is the width of its logits, `Hooks` the shapes of what its sessions can read, `Parameters` and `Edits` of what they are given. */
export class Model<
  Vocab extends number = number,
  Hooks extends object = Shapes,
  Parameters extends object = Shapes,
  Edits extends object = Shapes,
> {
  readonly #module: LoadedModule;

  constructor(module: LoadedModule) {
    this.#module = module;
  }

  get device(): GPUDevice {
    return this.#module.device;
  }

  /** Id of the variant that runs on this device. */
  get variant(): string {
    return this.#module.variant.id;
  }

  /** What is allocated on the device now: weights, and the buffers of its sessions. */
  get allocations(): readonly LedgerEntry[] {
    return this.#module.ledger.entries();
  }

  /** @throws UsageError, LimitError, OutOfMemoryError */
  createSession(options?: SessionOptions): Promise<Session<Vocab, Hooks, Parameters, Edits>> {
    return Session.create<Vocab, Hooks, Parameters, Edits>(this.#module, options);
  }

  /** Frees everything, and the device when it was requested by `loadModel`. */
  dispose(): void {
    this.#module.dispose();
  }
}

/** Attention on a device. `Tensors` are its inputs and outputs, by name. */
export class Attention<Tensors extends object = Record<string, DeviceTensor>> {
  readonly #module: LoadedModule;

  constructor(module: LoadedModule) {
    this.#module = module;
  }

  get device(): GPUDevice {
    return this.#module.device;
  }

  get variant(): string {
    return this.#module.variant.id;
  }

  get allocations(): readonly LedgerEntry[] {
    return this.#module.ledger.entries();
  }

  /** Joins the module with tensors of the app; those left out are allocated. @throws UsageError, LimitError, OutOfMemoryError */
  createSession(size: AttentionSize, tensors: Partial<Tensors> = {}): Promise<AttentionSession<Tensors>> {
    return AttentionSession.create<Tensors>(this.#module, size, tensors as Readonly<Record<string, DeviceTensor>>);
  }

  dispose(): void {
    this.#module.dispose();
  }
}

/** @throws CheckpointError, FeatureError, LimitError, OutOfMemoryError, NoGpuError; nothing stays allocated then. */
export async function loadModel<
  Vocab extends number = number,
  Hooks extends object = Shapes,
  Parameters extends object = Shapes,
  Edits extends object = Shapes,
>(definition: ModuleDefinition, options: LoadOptions): Promise<Model<Vocab, Hooks, Parameters, Edits>> {
  return new Model<Vocab, Hooks, Parameters, Edits>(await LoadedModule.load(definition, options));
}

/** @throws as `loadModel` */
export async function loadAttention<Tensors extends object = Record<string, DeviceTensor>>(
  definition: ModuleDefinition,
  options: LoadOptions = {},
): Promise<Attention<Tensors>> {
  return new Attention<Tensors>(await LoadedModule.load(definition, options));
}
