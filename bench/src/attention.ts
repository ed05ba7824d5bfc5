import { type Arithmetic, deviceNamed } from '../../src/compiler/facts/devices.ts';
import { floorOf, type KernelCost, kernelCosts } from '../../src/compiler/facts/kernel-costs.ts';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import type { Stopwatch, Timing } from '../../src/tune/stopwatch.ts';
import { type AttentionRun, openRun } from './attention-run.ts';
import type { BenchDevice } from './device.ts';
import { type AttentionCase, checkRows, furthestRows, lengthsOf, type RowErrors, spreadRows } from './reference.ts';

export interface Measurement {
  readonly case: AttentionCase;
  readonly profile: string;
  readonly kernels: readonly string[];
  readonly timing: Timing;
  readonly errors: RowErrors;
  /** Multiply-adds count twice; of a causal square the visible half counts. */
  readonly flops: number;
  /** What the kernels must read and write, partial results included. */
  readonly bytes: number;
  readonly arithmetic: Arithmetic;
  /** The least milliseconds of the kernels, one after the other, where the device's ceilings are known. */
  readonly floor?: number;
  /** Bytes of all buffers that one call needs: inputs, output and scratch. */
  readonly memory: number;
}

/** What the portable kernels give in f32: it shows which rows of other kernels to look at. */
export async function portableOutput({ device }: BenchDevice, one: AttentionCase): Promise<Float32Array> {
  const run = await openRun(device, one, profiles.baseline, 1);
  try {
    return await run.output();
  } finally {
    run.dispose();
  }
}

/** Times the case for a profile, and checks its output. */
export async function measureAttention(
  { device, name }: BenchDevice,
  stopwatch: Stopwatch,
  one: AttentionCase,
  profile: TargetProfile,
  portable: Float32Array,
): Promise<Measurement> {
  const run = await openRun(device, one, profile, setsFor(one));
  try {
    const output = await run.output();
    const errors = errorsOf(one, output, portable);
    const work = workOf(run, one, name);
    const repetitions = repetitionsFor(one, run.sets, work.flops);
    const timing = await stopwatch.time(run.record, { repetitions });
    const used = one.tokens === 1 ? run.program.decode : run.program.prefill;
    const kernels = used.map(({ plan }) => plan.stage);
    return { case: one, profile: profile.id, kernels, timing, errors, ...work, memory: run.memory };
  } finally {
    run.dispose();
  }
}

/** Of rows all over, and of those that differ most from the portable kernels'. */
export const errorsOf = (one: AttentionCase, output: Float32Array, portable: Float32Array): RowErrors =>
  checkRows(one, output, [...spreadRows(one), ...furthestRows(one, output, portable)]);

/** Inputs that together exceed a 50 MB cache, for decoding; prefill reads its keys many times. */
function setsFor({ tokens, keys, kvHeads, headDim, cache }: AttentionCase): number {
  const bytes = (cache === undefined ? 4 : 2) * keys * kvHeads * headDim;
  return tokens === 1 ? Math.min(16, Math.max(2, Math.ceil(160e6 / bytes))) : 1;
}

function repetitionsFor(one: AttentionCase, sets: number, flops: number): number {
  return one.tokens === 1 ? sets * 4 : Math.max(2, Math.min(32, Math.round(5e11 / flops)));
}

/** Each sequence of a batch by itself: its own lengths count. */
function workOf({ module, program }: AttentionRun, one: AttentionCase, deviceName: string) {
  const costs = lengthsOf(one).flatMap((tokens) =>
    kernelCosts(module, program, { batch: 1, tokens, keys: one.lengths === undefined ? one.keys : tokens }),
  );
  const total = (read: (cost: KernelCost) => number) => costs.reduce((sum, cost) => sum + read(cost), 0);
  const device = deviceNamed(deviceName);
  const [heaviest] = [...costs].sort((a, b) => b.flops - a.flops);
  return {
    flops: total(({ flops }) => flops),
    bytes: total(({ bytesRead, bytesWritten }) => bytesRead + bytesWritten),
    arithmetic: heaviest?.arithmetic ?? 'f32',
    ...(device && { floor: total((cost) => floorOf(cost, device).seconds * 1e3) }),
  };
}
