import { DeviceLostError, formatBytes, LimitError, OutOfMemoryError, UsageError } from './errors.ts';

/** Values of `GPUBufferUsage` (WebGPU §5.1), which is a global only in browsers. */
export const bufferUsage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/** Of `GPUMapMode`. */
export const mapModeRead = 0x1;

export interface AllocationRequest {
  /** What messages and the ledger call it. */
  readonly name: string;
  /** Rounded up to a multiple of four, and to four at least. */
  readonly bytes: number;
  readonly usage: GPUBufferUsageFlags;
}

export interface LedgerEntry {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Owns the buffers that it allocates on a device, and knows what each is for. The device itself stays its owner's: `dispose`
 * frees the buffers only. Every method throws DeviceLostError once the device is lost.
 */
export class BufferLedger {
  readonly device: GPUDevice;
  readonly #live = new Map<GPUBuffer, LedgerEntry>();
  #totalBytes = 0;
  #peakBytes = 0;
  #lost: DeviceLostError | undefined;
  /** Waiters, and not a promise raced against: that would keep a reaction for each wait as long as the device lives. */
  readonly #onLost = new Set<() => void>();

  constructor(device: GPUDevice) {
    this.device = device;
    device.lost.then((info) => {
      this.#lost = new DeviceLostError(info.reason, info.message);
      for (const wake of this.#onLost) wake();
    });
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The most that was allocated at any one time. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** In order of allocation. */
  entries(): readonly LedgerEntry[] {
    return [...this.#live.values()];
  }

  /** @throws LimitError, OutOfMemoryError */
  async allocate(request: AllocationRequest): Promise<GPUBuffer> {
    const [buffer] = await this.allocateAll([request]);
    return buffer as GPUBuffer;
  }

  /**
   * All or none. One pair of error scopes serves the group; only if it fails are the members tried one by one, to name the
   * tensor that does not fit.
   * @throws LimitError before anything is allocated; OutOfMemoryError
   */
  async allocateAll(requests: readonly AllocationRequest[]): Promise<readonly GPUBuffer[]> {
    this.throwIfLost();
    const rounded = requests.map((request) => ({ ...request, bytes: this.#checkedSize(request) }));
    const { buffers, error } = await this.#create(rounded);
    if (error === undefined) return this.#enter(rounded, buffers);
    for (const buffer of buffers) buffer.destroy();
    this.throwIfLost();
    return this.#enter(rounded, await this.#createOneByOne(rounded));
  }

  /** Copies bytes into a buffer at a multiple of four; bytes up to the next multiple of four after their end become zero. */
  upload(buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.throwIfLost();
    const length = roundUp(bytes.byteLength);
    if (offset % 4 !== 0 || offset < 0 || offset + length > buffer.size) {
      throw new UsageError(
        `${this.#nameOf(buffer)}: cannot upload ${bytes.byteLength} bytes at ${offset}: it has ${buffer.size}, and offsets are multiples of 4`,
      );
    }
    const whole = bytes.byteLength - (bytes.byteLength % 4);
    if (whole > 0) this.device.queue.writeBuffer(buffer, offset, bytes, 0, whole);
    if (whole < length) {
      const tail = new Uint8Array(4);
      tail.set(bytes.subarray(whole));
      this.device.queue.writeBuffer(buffer, offset + whole, tail);
    }
  }

  /** Waits for the work submitted so far, then copies the bytes out. The buffer needs the usage `copySource`. */
  async readBack(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<Uint8Array<ArrayBuffer>> {
    this.throwIfLost();
    if (offset < 0 || bytes < 0 || offset + bytes > buffer.size) {
      throw new UsageError(
        `${this.#nameOf(buffer)}: bytes ${offset} to ${offset + bytes} are not within its ${buffer.size}`,
      );
    }
    if (bytes === 0) return new Uint8Array(0);
    const first = offset - (offset % 4);
    const length = roundUp(offset + bytes - first);
    const staging = await this.allocate({
      name: `read-back of ${this.#nameOf(buffer)}`,
      bytes: length,
      usage: bufferUsage.mapRead | bufferUsage.copyDestination,
    });
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, first, staging, 0, length);
      this.device.queue.submit([encoder.finish()]);
      await this.#settled(staging.mapAsync(mapModeRead));
      return new Uint8Array(staging.getMappedRange()).slice(offset - first, offset - first + bytes);
    } finally {
      this.free(staging);
    }
  }

  /** Frees a buffer that this ledger allocated; freeing twice is harmless. */
  free(buffer: GPUBuffer): void {
    const entry = this.#live.get(buffer);
    if (entry === undefined) return;
    this.#live.delete(buffer);
    this.#totalBytes -= entry.bytes;
    buffer.destroy();
  }

  dispose(): void {
    for (const buffer of [...this.#live.keys()]) this.free(buffer);
  }

  /** @throws DeviceLostError */
  throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  #nameOf(buffer: GPUBuffer): string {
    return this.#live.get(buffer)?.name ?? (buffer.label || 'buffer');
  }

  #checkedSize({ name, bytes, usage }: AllocationRequest): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new UsageError(`${name}: ${bytes} is not a number of bytes`);
    const size = Math.max(4, roundUp(bytes));
    const { limits } = this.device;
    const what = `${name} (${formatBytes(size)})`;
    const atMost = (limit: 'maxBufferSize' | 'maxStorageBufferBindingSize' | 'maxUniformBufferBindingSize') => {
      if (size > limits[limit]) throw new LimitError(limit, size, limits[limit], what);
    };
    atMost('maxBufferSize');
    if ((usage & bufferUsage.storage) !== 0) atMost('maxStorageBufferBindingSize');
    if ((usage & bufferUsage.uniform) !== 0) atMost('maxUniformBufferBindingSize');
    return size;
  }

  async #create(
    requests: readonly AllocationRequest[],
  ): Promise<{ buffers: GPUBuffer[]; error: GPUError | undefined }> {
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    const buffers = requests.map(({ name, bytes, usage }) =>
      this.device.createBuffer({ label: name, size: bytes, usage }),
    );
    const popped = [this.device.popErrorScope(), this.device.popErrorScope()];
    const [validation, memory] = await this.#settled(Promise.all(popped));
    return { buffers, error: validation ?? memory ?? undefined };
  }

  async #createOneByOne(requests: readonly AllocationRequest[]): Promise<GPUBuffer[]> {
    const created: GPUBuffer[] = [];
    let bytes = this.#totalBytes;
    for (const request of requests) {
      const { buffers, error } = await this.#create([request]);
      created.push(...buffers);
      if (error !== undefined) {
        for (const buffer of created) buffer.destroy();
        this.throwIfLost();
        if (isOutOfMemory(error)) throw new OutOfMemoryError(request.name, request.bytes, bytes);
        throw new UsageError(`${request.name}: ${error.message}`);
      }
      bytes += request.bytes;
    }
    return created;
  }

  #enter(requests: readonly AllocationRequest[], buffers: readonly GPUBuffer[]): readonly GPUBuffer[] {
    for (const [index, buffer] of buffers.entries()) {
      const { name, bytes } = requests[index] as AllocationRequest;
      this.#live.set(buffer, { name, bytes });
      this.#totalBytes += bytes;
    }
    this.#peakBytes = Math.max(this.#peakBytes, this.#totalBytes);
    return buffers;
  }

  /** A lost device leaves its promises rejected, or pending for good: `lost` decides. */
  async #settled<T>(pending: Promise<T>): Promise<T> {
    let giveUp: (() => void) | undefined;
    const lost = new Promise<void>((resolve) => {
      giveUp = resolve;
      this.#onLost.add(resolve);
    });
    try {
      const outcome = await Promise.race([pending.then((value) => ({ value })), lost]);
      if (outcome !== undefined) return outcome.value;
    } catch (error) {
      // A rejection may come a moment before `lost` resolves.
      await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, 100))]);
      this.throwIfLost();
      throw error;
    } finally {
      if (giveUp !== undefined) this.#onLost.delete(giveUp);
    }
    throw this.#lost ?? new DeviceLostError('unknown', '');
  }
}

/** By name and not by `instanceof`: `GPUOutOfMemoryError` is a global only in browsers. */
function isOutOfMemory(error: GPUError): boolean {
  return error.constructor.name === 'GPUOutOfMemoryError';
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
