/** What a device must offer: plain data, so that planning needs no GPU. Limits carry WebGPU's own names. */
export interface TargetProfile {
  readonly id: string;
  readonly doc: string;
  readonly features: readonly GPUFeatureName[];
  readonly limits: TargetLimits;
}

export interface TargetLimits {
  /** Bytes. */
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxStorageBuffersPerShaderStage: number;
}

/** The limits that every WebGPU device has (WebGPU §3.6.2). */
const defaultLimits: TargetLimits = {
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxStorageBuffersPerShaderStage: 8,
};

export const profiles = {
  baseline: { id: 'baseline', doc: 'every WebGPU device', features: [], limits: defaultLimits },
  f16: { id: 'f16', doc: 'devices with shader-f16', features: ['shader-f16'], limits: defaultLimits },
} as const satisfies Record<string, TargetProfile>;

export type ProfileId = keyof typeof profiles;
