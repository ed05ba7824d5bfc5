import { create, globals } from 'webgpu';
import { openDevice, wantedFeatures, wantedLimits } from '../../src/node/adapter.ts';

export interface BenchDevice {
  readonly device: GPUDevice;
  readonly name: string;
  /** Time stamps count nanoseconds; without, kernels are timed by the wall clock: a smoke test only. */
  readonly precise: boolean;
}

/** Dawn as a browser has it (robust accesses), but for time stamps, which it rounds to 65 µs unless told otherwise. */
const toggles = [
  'backend=vulkan',
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

/** Dawn ends the process when an instance is collected while a device of it lives. */
const instances: GPU[] = [];

export async function openBenchDevice(): Promise<BenchDevice> {
  Object.assign(globalThis, globals);
  const gpu = create(toggles);
  instances.push(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    const { device, description } = await openDevice();
    return { device, name: description.name, precise: false };
  }
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
  const { description, vendor, architecture } = adapter.info;
  const precise = device.features.has('timestamp-query');
  return { device, name: description || `${vendor} ${architecture}`, precise };
}
