import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import { compilePipelines } from '../runtime/abi1/pipelines.ts';

/** Modules that the device's compiler works on, on other cores, while others are timed. */
export class CompileAhead {
  readonly #device: GPUDevice;
  readonly #most: number;
  readonly #begun = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();

  /** @param most modules at a time; 0 where compiling would take time from what is timed */
  constructor(device: GPUDevice, most: number) {
    this.#device = device;
    this.#most = most;
  }

  get isFull(): boolean {
    return this.#pending.size >= this.#most;
  }

  /** Unless it has begun, or there is no room for it. What is refused is found out by whoever uses the kernels. */
  begin(key: string, define: () => ModuleDefinition): void {
    if (this.isFull || this.#begun.has(key)) return;
    this.#begun.add(key);
    const work: Promise<unknown> = compilePipelines(this.#device, define().variants[0]?.kernels ?? {})
      .catch(() => undefined)
      .finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }

  /** A device must not be destroyed before: Dawn would end the process. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
