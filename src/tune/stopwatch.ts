import { bufferUsage, mapModeRead } from '../runtime/abi1/buffers.ts';

/** Of `GPUBufferUsage`. */
const queryResolve = 0x200;

export interface Timing {
  /** Milliseconds of one repetition. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Clock of the shader units before the timed pass, in GHz, from a chain of dependent multiply-adds of four cycles each. */
  readonly clock: number;
}

export interface TimingOptions {
  /** Repetitions within one pass. */
  readonly repetitions: number;
  readonly passes?: number;
}

/** Of the fastest clock that was seen: a pass that began at less than this is measured again. */
const fullClock = 0.85;
const probeSteps = 4096 * 16;

/** Of a pass that is timed: what begins and ends it is lost in so much. */
export const passMilliseconds = 10;

/** How many repetitions of so many milliseconds each make a pass about as long as asked for. */
export const repetitionsIn = (milliseconds: number, each: number): number =>
  Math.max(1, Math.min(256, Math.round(milliseconds / Math.max(each, 1e-3))));

const chain = (turns: number) => `
@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
  var x = numbers[invocation.x & 1023u];
  let c = numbers[(invocation.x + 7u) & 1023u];
  for (var i = 0u; i < ${turns}u; i++) {
    ${'x = fma(x, c, 0.5);'.repeat(16)}
  }
  numbers[1024u + invocation.x] = x;
}`;

/**
 * Times passes on the device. Between sparse short submissions a GPU falls to idle clocks, up to five times slower: every timed
 * pass is preceded, in the same submission, by a pass that keeps all units busy and by a probe of the clock.
 */
export class Stopwatch {
  readonly #device: GPUDevice;
  readonly #precise: boolean;
  readonly #busy: Kernel;
  readonly #probe: Kernel;
  #warm = false;
  #fastestClock = 0;

  /** @param precise time stamps count nanoseconds; else the wall clock is read. */
  constructor(device: GPUDevice, precise: boolean) {
    this.#device = device;
    this.#precise = precise;
    const numbers = device.createBuffer({ size: 1 << 22, usage: bufferUsage.storage });
    this.#busy = kernel(device, chain(16384), numbers);
    this.#probe = kernel(device, chain(4096), numbers);
  }

  /** `record(pass, i)` records repetition i: rotate inputs that should not be found in the L2 cache. */
  async time(
    record: (pass: GPUComputePassEncoder, repetition: number) => void,
    options: TimingOptions,
  ): Promise<Timing> {
    let timing = await this.#passes(record, options);
    for (let attempt = 0; attempt < 3 && timing.clock < fullClock * this.#fastestClock; attempt++) {
      this.#warm = false;
      timing = await this.#passes(record, options);
    }
    return timing;
  }

  async #passes(
    record: (pass: GPUComputePassEncoder, repetition: number) => void,
    options: TimingOptions,
  ): Promise<Timing> {
    const times: number[] = [];
    const clocks: number[] = [];
    for (let n = 0; n < (options.passes ?? 5) + 1; n++) {
      const { time, clock } = this.#precise ? await this.#pass(record, options) : await this.#wall(record, options);
      if (n === 0) continue;
      times.push(time / options.repetitions);
      clocks.push(clock);
      this.#fastestClock = Math.max(this.#fastestClock, clock);
    }
    times.sort((a, b) => a - b);
    clocks.sort((a, b) => a - b);
    const middle = times.length >> 1;
    return { median: times[middle] ?? 0, least: times[0] ?? 0, most: times.at(-1) ?? 0, clock: clocks[middle] ?? 0 };
  }

  async #pass(record: (pass: GPUComputePassEncoder, repetition: number) => void, { repetitions }: TimingOptions) {
    const device = this.#device;
    const querySet = device.createQuerySet({ type: 'timestamp', count: 4 });
    const resolved = device.createBuffer({ size: 32, usage: queryResolve | bufferUsage.copySource });
    const mapped = device.createBuffer({ size: 32, usage: bufferUsage.copyDestination | bufferUsage.mapRead });
    const stamps = (first: number) => ({
      timestampWrites: { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 },
    });
    const encoder = device.createCommandEncoder();
    const busy = encoder.beginComputePass();
    for (let n = 0; n < (this.#warm ? 4 : 60); n++) dispatch(busy, this.#busy, 132 * 8);
    busy.end();
    this.#warm = true;
    const probe = encoder.beginComputePass(stamps(0));
    dispatch(probe, this.#probe, 1);
    probe.end();
    const timed = encoder.beginComputePass(stamps(2));
    for (let n = 0; n < repetitions; n++) record(timed, n);
    timed.end();
    encoder.resolveQuerySet(querySet, 0, 4, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, 32);
    device.queue.submit([encoder.finish()]);
    await mapped.mapAsync(mapModeRead);
    const [a = 0n, b = 0n, c = 0n, d = 0n] = new BigUint64Array(mapped.getMappedRange().slice(0));
    for (const resource of [querySet, resolved, mapped]) resource.destroy();
    return { time: Number(d - c) / 1e6, clock: (probeSteps * 4) / Number(b - a) };
  }

  async #wall(record: (pass: GPUComputePassEncoder, repetition: number) => void, { repetitions }: TimingOptions) {
    await this.#device.queue.onSubmittedWorkDone();
    const start = performance.now();
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let n = 0; n < repetitions; n++) record(pass, n);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
    await this.#device.queue.onSubmittedWorkDone();
    return { time: performance.now() - start, clock: 0 };
  }
}

interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

function kernel(device: GPUDevice, code: string, buffer: GPUBuffer): Kernel {
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const layout = pipeline.getBindGroupLayout(0);
  return { pipeline, group: device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }) };
}

function dispatch(pass: GPUComputePassEncoder, { pipeline, group }: Kernel, groups: number): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(groups);
}
