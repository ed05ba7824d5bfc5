import type { OpenedDevice } from '../node/adapter.ts';

/** A device that kernels are timed on. */
export interface TimingDevice {
  readonly opened: OpenedDevice;
  /** As it is always printed. */
  readonly adapter: string;
  /** By time stamps that count nanoseconds; else the wall clock is read. */
  readonly isExact: boolean;
  readonly timedBy: string;
}

/** @param caveat what a warning says of an adapter that computes on the CPU. @throws NoGpuError */
export async function openTimingDevice(caveat: string): Promise<TimingDevice> {
  const { adapterMode, openDevice } = await import('../node/adapter.ts');
  const { describeAdapter } = await import('../node/adapter-description.ts');
  const opened = await openDevice(adapterMode(), { exactStamps: true });
  const { description, device } = opened;
  const adapter = describeAdapter(description);
  if (description.kind !== 'gpu') process.stderr.write(`warning: ${adapter} computes on the CPU: ${caveat}\n`);
  const isExact = description.kind === 'gpu' && device.features.has('timestamp-query');
  return { opened, adapter, isExact, timedBy: isExact ? 'time stamps' : 'the wall clock' };
}
