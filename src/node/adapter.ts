import { NoGpuError, UsageError } from '../runtime/abi1/errors.ts';
import { checkOptions, type OptionNames } from '../runtime/abi1/option-names.ts';
import { type AdapterDescription, describe } from './adapter-description.ts';
import { findPackage, installCommands } from './packages.ts';
import { softwareObstacle, unpackSoftwareAdapter } from './software-adapter.ts';
import { driverManifests, hasSystemLoader, headlessNvidia, preloadLoader, withDriver } from './vulkan.ts';

const adapterModes = ['auto', 'gpu', 'software', 'lavapipe'] as const;

/** `auto` is a real adapter where there is one, else the software adapter. */
export type AdapterMode = (typeof adapterModes)[number];

export interface OpenedGpu {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly description: AdapterDescription;
  /** Why this adapter and no other, for people. */
  readonly reasons: readonly string[];
}

/**
 * Without allow_unsafe_apis, subgroup matrices and the like are not offered; without vulkan_enable_f16_on_nvidia, f16 is
 * refused on NVIDIA under Linux.
 */
const toggles = 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia';

/**
 * Zeroing workgroup memory makes SwiftShader compile a kernel with large tiles for 1.7 s instead of 40 ms. No kernel relies on
 * it, and one that did would be found out here.
 */
const softwareToggles = `${toggles},disable_workgroup_init`;

/** Dawn rounds time stamps to 65 µs unless told otherwise, as pages must not time what others do. */
const exactStamps = 'disable-dawn-features=timestamp_quantization';

/**
 * Dawn's instances, by driver, backend and toggles. They are kept for good: when one is collected while a device of it lives, Dawn 0.6
 * ends the process with an assertion. A kept one does not keep the process from ending.
 */
const instances = new Map<string, GPU>();

/** @throws UsageError when `GQAC_ADAPTER` is something else than a mode. */
export function adapterMode(value: string | undefined = process.env.GQAC_ADAPTER): AdapterMode {
  return checkedMode('GQAC_ADAPTER', value || 'auto');
}

function checkedMode(name: string, written: string): AdapterMode {
  const mode = adapterModes.find((known) => known === written);
  if (mode !== undefined) return mode;
  throw new UsageError(`${name} is ${JSON.stringify(written)}: use one of ${adapterModes.join(', ')}`);
}

/**
 * Opens Dawn and asks for an adapter. Nothing is to be closed: the process may end as soon as the devices are not used.
 * @throws NoGpuError when there is no adapter of this mode; it says what was tried. UsageError for a mode that there is not.
 */
export async function openGpu(mode: AdapterMode = adapterMode(), options: GpuOptions = {}): Promise<OpenedGpu> {
  checkedMode('the adapter', mode);
  checkOptions('openGpu', options, gpuOptions);
  const dawn: Opener = { dawn: await loadDawn(), extra: options.exactStamps ? [exactStamps] : [] };
  const reasons: string[] = [];
  if (mode === 'auto' || mode === 'gpu') {
    const opened = await openInstalled(dawn, reasons);
    const isReal = opened?.description.kind === 'gpu';
    if (opened !== undefined && (isReal || (mode === 'auto' && softwareObstacle() !== undefined))) return opened;
    if (opened !== undefined) reasons.push(`the installed driver is ${opened.description.name}, which is no GPU`);
  }
  if (mode === 'lavapipe') {
    const opened = await openLavapipe(dawn, reasons);
    if (opened !== undefined) return opened;
  }
  if (mode === 'auto' || mode === 'software') {
    const opened = await openSoftware(dawn, reasons);
    if (opened !== undefined) return opened;
  }
  throw new NoGpuError(`no usable GPU adapter: ${reasons.join('; ')}; gqac doctor tells more`);
}

export interface GpuOptions {
  /** Time stamps that count nanoseconds: for timing. */
  readonly exactStamps?: boolean;
}

const gpuOptions: OptionNames<GpuOptions> = { exactStamps: true };

export interface OpenedDevice extends OpenedGpu {
  readonly device: GPUDevice;
}

/** What of an adapter's features gqac's kernels can use, and what times them. */
const wantedFeatures: readonly GPUFeatureName[] = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix' as GPUFeatureName,
];
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** A device with all that the adapter offers of what gqac's kernels can use, for running many modules on one device. */
export async function openDevice(mode: AdapterMode = adapterMode(), options: GpuOptions = {}): Promise<OpenedDevice> {
  const opened = await openGpu(mode, options);
  const { features, limits } = opened.adapter;
  const device = await opened.adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((name) => features.has(name)),
    requiredLimits: Object.fromEntries(wantedLimits.map((name) => [name, limits[name]])),
  });
  return { ...opened, device };
}

/** A device of Dawn's null backend, which validates everything and computes nothing: for checking WGSL in some milliseconds. */
export async function createNullDevice(
  limits: Readonly<Record<string, number>> = {},
  features: readonly GPUFeatureName[] = [],
): Promise<GPUDevice> {
  const dawn = await loadDawn();
  const adapter = await instance({ dawn, extra: [] }, toggles, 'null').requestAdapter();
  if (adapter === null) throw new NoGpuError("Dawn's null backend gives no adapter");
  return adapter.requestDevice({ requiredLimits: { ...limits }, requiredFeatures: [...features] });
}

interface Dawn {
  create(options: string[]): GPU;
}

/** Dawn, and what its instances are created with beside the toggles of their kind. */
interface Opener {
  readonly dawn: Dawn;
  readonly extra: readonly string[];
}

async function loadDawn(): Promise<Dawn> {
  const installed = findPackage('webgpu');
  if (installed === undefined) {
    throw new NoGpuError(`the npm package webgpu (Dawn) is not installed: ${installCommands.webgpu}`);
  }
  try {
    return (await import(installed.entry)) as Dawn;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new NoGpuError(
      `webgpu ${installed.version} cannot be loaded on ${process.platform} ${process.arch}: ${reason}`,
    );
  }
}

async function openInstalled(dawn: Opener, reasons: string[]): Promise<OpenedGpu | undefined> {
  if (process.platform !== 'linux') return request(dawn, { because: ["Dawn's own backend"] }, reasons);
  const manifests = driverManifests();
  if (manifests.length === 0) {
    reasons.push('no Vulkan driver is installed');
    return undefined;
  }
  const obstacle = await provideLoader();
  if (obstacle !== undefined) {
    reasons.push(obstacle);
    return undefined;
  }
  const headless = await headlessNvidia(manifests);
  if (headless !== undefined) {
    const because = ['NVIDIA driver without a display: libEGL_nvidia.so.0'];
    const opened = await request(dawn, { backend: 'vulkan', manifest: headless, because }, reasons);
    if (opened !== undefined) return opened;
  }
  const because = [`installed Vulkan drivers: ${manifests.join(', ')}`];
  return request(dawn, { backend: 'vulkan', because }, reasons);
}

async function openLavapipe(dawn: Opener, reasons: string[]): Promise<OpenedGpu | undefined> {
  const manifest = driverManifests().find((path) => /(^|\/)lvp_icd[^/]*\.json$/.test(path));
  if (manifest === undefined) {
    reasons.push('lavapipe is not installed (Mesa 25; on Debian mesa-vulkan-drivers from backports)');
    return undefined;
  }
  const obstacle = await provideLoader();
  if (obstacle !== undefined) {
    reasons.push(obstacle);
    return undefined;
  }
  const because = [`chosen by GQAC_ADAPTER: ${manifest}`];
  return request(dawn, { backend: 'vulkan', manifest, isSoftware: true, because }, reasons);
}

async function openSoftware(dawn: Opener, reasons: string[]): Promise<OpenedGpu | undefined> {
  const obstacle = softwareObstacle();
  if (obstacle !== undefined) {
    reasons.push(obstacle);
    return undefined;
  }
  const software = await unpackSoftwareAdapter();
  if (!hasSystemLoader()) preloadLoader(software.loader);
  const because = [...reasons, `SwiftShader in ${software.folder}`];
  return request(dawn, { backend: 'vulkan', manifest: software.manifest, isSoftware: true, because }, reasons);
}

/** Containers often have a driver but no loader; the one beside SwiftShader serves any driver. */
async function provideLoader(): Promise<string | undefined> {
  if (hasSystemLoader()) return undefined;
  const obstacle = softwareObstacle();
  if (obstacle !== undefined) return 'the Vulkan loader libvulkan.so.1 is not installed';
  preloadLoader((await unpackSoftwareAdapter()).loader);
  return undefined;
}

interface Driver {
  readonly backend?: string;
  readonly manifest?: string;
  readonly isSoftware?: boolean;
  readonly because: readonly string[];
}

async function request(dawn: Opener, driver: Driver, reasons: string[]): Promise<OpenedGpu | undefined> {
  const { backend, manifest, isSoftware, because } = driver;
  const { gpu, pending } = withDriver(manifest, () => {
    const opened = instance(dawn, isSoftware ? softwareToggles : toggles, backend, manifest);
    return { gpu: opened, pending: opened.requestAdapter({ powerPreference: 'high-performance' }) };
  });
  const adapter = await pending;
  if (adapter === null) {
    reasons.push(`Dawn takes none of: ${because.join(', ')}`);
    return undefined;
  }
  return { gpu, adapter, description: describe(adapter), reasons: because };
}

function instance({ dawn, extra }: Opener, enabled: string, backend?: string, manifest?: string): GPU {
  const options = [backend && `backend=${backend}`, enabled, ...extra].filter((option) => option !== undefined);
  const key = [...options, manifest].join(' ');
  const known = instances.get(key);
  if (known !== undefined) return known;
  const created = dawn.create(options);
  instances.set(key, created);
  return created;
}
