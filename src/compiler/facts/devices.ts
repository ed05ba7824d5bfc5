/** What a device can do at most through WebGPU: measured by kernels that do little but read, and by others that do nothing but multiply and add. */
export interface DeviceCeilings {
  readonly name: string;
  /** How these numbers were found. */
  readonly measured: string;
  /** Bytes a second, read and written together. Copying is slower than reading (2.73e12 on an H100), and a floor must not be undercut. */
  readonly bandwidth: number;
  /** Operations a second, a multiplication and an addition counted as two. */
  readonly rates: Readonly<Record<Arithmetic, number>>;
}

/** What multiplies: subgroup matrices of f16 with sums of f32, or the ordinary units. */
export type Arithmetic = 'matrix' | 'f16' | 'f32';

export const devices = {
  h100: {
    name: 'NVIDIA H100 80GB',
    measured: 'Dawn of npm webgpu 0.6.2 on Vulkan, November 2026',
    bandwidth: 3e12,
    rates: { matrix: 650e12, f16: 90e12, f32: 45e12 },
  },
} as const satisfies Readonly<Record<string, DeviceCeilings>>;

export const deviceOf = (id: string): DeviceCeilings | undefined =>
  Object.hasOwn(devices, id) ? devices[id as keyof typeof devices] : undefined;

/** The device that an adapter's name contains the id of, such as `nvidia-h100-80gb-hbm3`. */
export const deviceNamed = (name: string): DeviceCeilings | undefined =>
  Object.entries(devices).find(([id]) => name.toLowerCase().includes(id))?.[1];
