import { adapterMode, openDevice } from '../../src/node/adapter.ts';
import { pollFor } from '../../src/node/polling.ts';

export interface BenchDevice {
  readonly device: GPUDevice;
  readonly name: string;
  /** As the adapter says it, with its version. */
  readonly driver: string;
  /** Time stamps count nanoseconds; without, kernels are timed by the wall clock: a smoke test only. */
  readonly precise: boolean;
}

/** Dawn as a browser has it (robust accesses), but for exact time stamps. */
export async function openBenchDevice(): Promise<BenchDevice> {
  const { device, adapter, description } = await openDevice(adapterMode(), { exactStamps: true });
  pollFor(description);
  const precise = description.kind === 'gpu' && device.features.has('timestamp-query');
  return { device, name: description.name, driver: adapter.info.description, precise };
}
