import type { ModuleDefinition, VariantDecl } from './definition.ts';
import { FeatureError, LimitError, NoGpuError, UsageError } from './errors.ts';

/** Buffer limits are asked for as high as the adapter goes: how large a cache will be is not known yet. */
const sizeLimits = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/**
 * A device with what the module's most demanding supported variant needs.
 * @throws NoGpuError without an adapter, and when it gives no device; FeatureError or LimitError when no variant fits it.
 */
export async function requestDevice(definition: ModuleDefinition, adapter?: GPUAdapter | null): Promise<GPUDevice> {
  const found = adapter ?? (await navigatorGpu()?.requestAdapter({ powerPreference: 'high-performance' }));
  if (!found) throw new NoGpuError('WebGPU has no adapter here; pass one, or use a browser or driver with WebGPU');
  const variant = chooseVariant(definition, found);
  const limits = found.limits as unknown as Readonly<Record<string, number>>;
  const sizes = sizeLimits.map((name) => [name, limits[name] ?? 0] as const);
  const descriptor: GPUDeviceDescriptor = {
    label: definition.name,
    requiredFeatures: variant.features as GPUFeatureName[],
    requiredLimits: { ...variant.limits, ...Object.fromEntries(sizes) },
  };
  return found.requestDevice(descriptor).catch((error: unknown) => {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new NoGpuError(
      `the adapter gives no device: ${reason}; each adapter gives one: request another, or pass a \`device\` that is shared`,
    );
  });
}

const navigatorGpu = (): GPU | undefined => (globalThis.navigator as Navigator | undefined)?.gpu;

/** An adapter or a device, with what decides between variants. */
export type VariantHost =
  | Pick<GPUAdapter, 'features' | 'limits' | 'info'>
  | Pick<GPUDevice, 'features' | 'limits' | 'adapterInfo'>;

/**
 * The first variant whose features and limits an adapter or device has.
 * @throws FeatureError or LimitError: what the least demanding variant lacks; UsageError when there is none of this id.
 */
export function chooseVariant(definition: ModuleDefinition, host: VariantHost, id?: string): VariantDecl {
  const candidates = definition.variants.filter((variant) => id === undefined || variant.id === id);
  const chosen = candidates.find((variant) => variantObstacle(variant, host) === undefined);
  if (chosen !== undefined) return chosen;
  const last = candidates.at(-1);
  if (last !== undefined) throw variantObstacle(last, host);
  const ids = definition.variants.map((variant) => variant.id);
  throw new UsageError(`${definition.name} has no variant ${id}: it has ${ids.join(', ')}`);
}

/** What decides whether a variant runs somewhere. */
export type VariantNeeds = Pick<VariantDecl, 'id' | 'features' | 'limits' | 'subgroupSize'>;

/** The first thing that a variant needs and an adapter or device has not. */
export function variantObstacle(variant: VariantNeeds, host: VariantHost): Error | undefined {
  const what = `variant ${variant.id}`;
  const feature = variant.features.find((name) => !host.features.has(name as GPUFeatureName));
  if (feature !== undefined) return new FeatureError(feature, what);
  const available = host.limits as unknown as Readonly<Record<string, number>>;
  const short = Object.entries(variant.limits).find(([name, needed]) => (available[name] ?? 0) < needed);
  if (short !== undefined) return new LimitError(short[0], short[1], available[short[0]] ?? 0, what);
  return subgroupObstacle(variant, 'adapterInfo' in host ? host.adapterInfo : host.info);
}

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What Dawn says of an adapter's subgroup matrices; not yet in the types of WebGPU. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: readonly MatrixConfig[];
}

/** Blocks that the kernels of matrix variants multiply. */
const isMultiplied = ({ componentType, resultComponentType, M, N, K }: MatrixConfig): boolean =>
  componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16;

function subgroupObstacle(variant: VariantNeeds, info: GPUAdapterInfo & MatrixInfo): Error | undefined {
  const { subgroupSize: size, features, id } = variant;
  if (size !== undefined && (info.subgroupMinSize !== size || info.subgroupMaxSize !== size)) {
    return new FeatureError(`subgroups of ${size}`, `variant ${id}`);
  }
  // Adapters list their configurations; devices do not, and say so when they compile.
  const configs = info.subgroupMatrixConfigs;
  if (!features.includes('chromium-experimental-subgroup-matrix') || !configs?.length) return undefined;
  if (configs.some(isMultiplied)) return undefined;
  return new FeatureError('subgroup matrices of 16 × 16 × 16 in f16', `variant ${id}`);
}
