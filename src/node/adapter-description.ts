export interface AdapterDescription {
  readonly kind: 'gpu' | 'software' | 'lavapipe';
  readonly name: string;
  readonly vendor: string;
  readonly backend: 'Vulkan' | 'Metal' | 'Direct3D 12';
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export function describe(adapter: GPUAdapter): AdapterDescription {
  const { info } = adapter;
  return {
    kind: kindOf(info),
    name: nameOf(info),
    vendor: info.vendor,
    backend: process.platform === 'darwin' ? 'Metal' : process.platform === 'win32' ? 'Direct3D 12' : 'Vulkan',
    features: [...adapter.features].sort(),
    limits: limitsOf(adapter.limits),
  };
}

/** One line, such as `adapter: SwiftShader (software, Vulkan)`. */
export function describeAdapter(description: Pick<AdapterDescription, 'kind' | 'name' | 'backend'>): string {
  return `adapter: ${description.name} (${description.kind}, ${description.backend})`;
}

/** Drivers put the product's name in `device` (some a hexadecimal id), and their own version in `description`. */
function nameOf(info: GPUAdapterInfo): string {
  if (info.architecture === 'swiftshader') return 'SwiftShader';
  const product = /^(0x)?[0-9a-f]*$/i.test(info.device) ? '' : info.device;
  return product || info.description || `${info.vendor} ${info.architecture}`.trim() || 'unnamed adapter';
}

function kindOf(info: GPUAdapterInfo): AdapterDescription['kind'] {
  if (/llvmpipe|lavapipe/i.test(`${info.description} ${info.device}`)) return 'lavapipe';
  return info.isFallbackAdapter || info.architecture === 'swiftshader' ? 'software' : 'gpu';
}

/** Dawn's limits are getters of the prototype, which spread does not see. */
function limitsOf(limits: GPUSupportedLimits): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') found[name] = value;
  }
  return found;
}
