import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import { compilePipelines } from '../runtime/abi1/pipelines.ts';

/** Kernels that the device's compiler works on, on other cores, while others are timed. */
export class CompileAhead {
  /** Candidates whose kernels are begun before it is their turn; 0 where compiling would take time from what is timed. */
  readonly most: number;
  readonly #device: GPUDevice;
  readonly #begun = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();

  constructor(device: GPUDevice, most: number) {
    this.#device = device;
    this.most = most;
  }

  /** What is refused is found out by whoever uses the kernels. */
  begin(key: string, define: () => ModuleDefinition): void {
    if (this.most === 0 || this.#begun.has(key)) return;
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
