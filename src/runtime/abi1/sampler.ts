import { bufferUsage, mapModeRead } from './buffers.ts';
import type { LoadedModule } from './loaded-module.ts';
import { checkSampling, type SamplingOptions } from './sampling.ts';
import type { Workspace } from './workspace.ts';

const readable = bufferUsage.mapRead | bufferUsage.copyDestination;

/** Draws a token for each sequence of a session from its logits, on the device. Counts its draws, so that a seed gives one text. */
export class Sampler {
  readonly #model: LoadedModule;
  readonly #workspace: Workspace;
  readonly #batch: number;
  readonly #readBack: GPUBuffer;
  #draws = 0;

  private constructor(model: LoadedModule, workspace: Workspace, batch: number, readBack: GPUBuffer) {
    this.#model = model;
    this.#workspace = workspace;
    this.#batch = batch;
    this.#readBack = readBack;
  }

  /** @throws OutOfMemoryError */
  static async create(model: LoadedModule, workspace: Workspace, batch: number): Promise<Sampler> {
    const readBack = await model.ledger.allocate({ name: 'token read-back', bytes: 4 * batch, usage: readable });
    return new Sampler(model, workspace, batch, readBack);
  }

  /**
   * The ids, which are the next call's on the device as well. `meanwhile` is done before they are waited for: what it submits runs while the
   * host goes on.
   * @throws UsageError for options that make no sense
   */
  async draw(options: SamplingOptions, meanwhile: () => void): Promise<readonly number[]> {
    this.#workspace.setSampling(checkSampling(options, this.#draws++));
    const { device, variant } = this.#model;
    const bytes = 4 * this.#batch;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.#workspace.record(pass, variant.sample, { B: this.#batch });
    pass.end();
    const tokens = this.#workspace.buffer('tokens');
    encoder.copyBufferToBuffer(tokens, 0, this.#readBack, 0, bytes);
    encoder.copyBufferToBuffer(tokens, 0, this.#workspace.buffer('ids'), 0, bytes);
    device.queue.submit([encoder.finish()]);
    const mapped = this.#readBack.mapAsync(mapModeRead);
    meanwhile();
    await mapped;
    const ids = [...new Uint32Array(this.#readBack.getMappedRange())];
    this.#readBack.unmap();
    return ids;
  }

  /** The next draw is the first again. */
  reset(): void {
    this.#draws = 0;
  }

  dispose(): void {
    this.#model.ledger.free(this.#readBack);
  }
}
