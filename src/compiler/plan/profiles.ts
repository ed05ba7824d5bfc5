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
  /** Workgroups along one axis of a dispatch. */
  readonly maxComputeWorkgroupsPerDimension: number;
  /** Bytes of one tensor: every buffer is bound as a whole. */
  readonly maxStorageBufferBindingSize: number;
  /** Bytes. */
  readonly maxBufferSize: number;
}

/** The limits that every WebGPU device has (WebGPU §3.6.2). */
export const defaultLimits: TargetLimits = {
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
};

/** From the least demanding to the most. */
export const profiles = {
  baseline: { id: 'baseline', doc: 'every WebGPU device', features: [], limits: defaultLimits },
  f16: { id: 'f16', doc: 'devices with shader-f16', features: ['shader-f16'], limits: defaultLimits },
} as const satisfies Record<string, TargetProfile>;
