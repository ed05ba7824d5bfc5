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
  /** Draws take turns: one is waited for while the next is under way, behind one that nobody waits for any more. */
  readonly #readBacks: readonly GPUBuffer[];
  #draws = 0;
  #turn = 0;

  private constructor(model: LoadedModule, workspace: Workspace, batch: number, readBacks: readonly GPUBuffer[]) {
    this.#model = model;
    this.#workspace = workspace;
    this.#batch = batch;
    this.#readBacks = readBacks;
  }

  /** @throws OutOfMemoryError */
  static async create(model: LoadedModule, workspace: Workspace, batch: number): Promise<Sampler> {
    const request = { name: 'token read-back', bytes: 4 * batch, usage: readable };
    return new Sampler(model, workspace, batch, await model.ledger.allocateAll([request, request, request]));
  }

  /**
   * Submits a draw. The ids are the next call's on the device as well; here they are when the submission is done.
   * @param before records what makes the logits, where that is not submitted yet
   * @throws UsageError for options that make no sense
   */
  submit(
    options: SamplingOptions,
    before: (pass: GPUComputePassEncoder) => void = () => {},
  ): Promise<readonly number[]> {
    this.#workspace.setSampling(checkSampling(options, this.#draws));
    this.#draws++;
    this.#turn = (this.#turn + 1) % this.#readBacks.length;
    const readBack = this.#readBacks[this.#turn] as GPUBuffer;
    const { device, variant } = this.#model;
    const bytes = 4 * this.#batch;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    before(pass);
    this.#workspace.record(pass, variant.sample, { B: this.#batch });
    pass.end();
    const tokens = this.#workspace.buffer('tokens');
    encoder.copyBufferToBuffer(tokens, 0, readBack, 0, bytes);
    encoder.copyBufferToBuffer(tokens, 0, this.#workspace.buffer('ids'), 0, bytes);
    device.queue.submit([encoder.finish()]);
    const ids = idsIn(readBack);
    // Nobody may ever wait for it.
    ids.catch(() => {});
    return ids;
  }

  /** The last draw does not count: the next one is made in its place. */
  takeBack(): void {
    this.#draws--;
  }

  /** The next draw is the first again. */
  reset(): void {
    this.#draws = 0;
  }

  dispose(): void {
    for (const buffer of this.#readBacks) this.#model.ledger.free(buffer);
  }
}

async function idsIn(readBack: GPUBuffer): Promise<readonly number[]> {
  await readBack.mapAsync(mapModeRead);
  const ids = [...new Uint32Array(readBack.getMappedRange())];
  readBack.unmap();
  return ids;
}
