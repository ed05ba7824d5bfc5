/** What a device must offer: plain data, so that planning needs no GPU. Limits carry WebGPU's own names. */
export interface TargetProfile {
  readonly id: string;
  readonly doc: string;
  readonly features: readonly GPUFeatureName[];
  readonly limits: TargetLimits;
  /** Invocations of a subgroup, where kernels rely on it: the adapter must have this size and no other. */
  readonly subgroupSize?: number;
  /** Subgroup matrices of f16 with f32 results, 16 × 16 × 16. */
  readonly subgroupMatrix?: boolean;
  /** What was measured to be fastest, by stage, in order of preference; for nodes that none of it fits, the planner's own order. */
  readonly schedules?: Schedules;
}

export interface Schedules {
  readonly attention_tile?: readonly TileSchedule[];
  readonly attention_matrix?: readonly MatrixSchedule[];
  readonly attention_latent?: readonly LatentSchedule[];
  readonly attention_split_subgroups?: readonly SplitSchedule[];
  readonly linear_matrix?: readonly ProductSchedule[];
  readonly linear_row?: readonly RowSchedule[];
}

/** What `linear_matrix` leaves open: a grid of subgroups, the blocks of 16 × 16 results that each of them holds, and the depth of a tile. */
export interface ProductSchedule {
  readonly subgroupRows: number;
  readonly subgroupColumns: number;
  readonly rowBlocks: number;
  readonly columnBlocks: number;
  readonly tileDepth: number;
}

/** What `linear_row` leaves open: how many lanes sum an output, and how many loads each of them has in flight. */
export interface RowSchedule {
  readonly lanes: number;
  readonly reads: number;
}

/** What `attention_tile` leaves open. A vector is 16 bytes: four f32 or eight f16. */
export interface TileSchedule {
  /** Precision of operands, products and short sums. */
  readonly products: 'f32' | 'f16';
  /** Invocations side by side over the rows, an even number, and rows of each. */
  readonly rowLanes: number;
  readonly rowsEach: number;
  /** Invocations side by side over the keys, and vectors of keys of each. */
  readonly keyLanes: number;
  readonly keyVectors: 1 | 2;
  /** Vectors of the head width that are in workgroup memory at a time, at most. */
  readonly headSlice: number;
}

/** What `attention_split_subgroups` leaves open. */
export interface SplitSchedule {
  readonly threads: number;
  /** Reads that a lane has in flight. */
  readonly reads: number;
  /** Of a workgroup at most: their scores are in workgroup memory. */
  readonly columns: number;
  /** Shares of fewer columns than this are not made. */
  readonly leastColumns: number;
  /** Of all sequences, where shares are neither too small nor too large: as many as run at once. */
  readonly workgroups: number;
}

/** What `attention_latent` leaves open. */
export interface LatentSchedule {
  /** As many slices of the values: each subgroup has the outputs of one. */
  readonly subgroups: number;
  /** Slices of the keys: subgroups with the same one have scores of different rows. */
  readonly headSlices: number;
  /** Blocks of 16 rows in a workgroup. */
  readonly rowBlocks: number;
  readonly tileKeys: number;
  /** Of all sequences when one token is decoded: as many as run at once. */
  readonly workgroups: number;
}

/** What `attention_matrix` leaves open. */
export interface MatrixSchedule {
  readonly subgroups: number;
  /** Blocks of 16 rows in a subgroup. */
  readonly rowBlocks: number;
  readonly tileKeys: number;
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
  subgroups: {
    id: 'subgroups',
    doc: 'devices with shader-f16 and subgroups of 32',
    features: ['shader-f16', 'subgroups'],
    limits: { ...defaultLimits, maxComputeWorkgroupStorageSize: 32_768 },
    subgroupSize: 32,
  },
  matrix: {
    id: 'matrix',
    doc: 'devices with subgroup matrices of f16 and subgroups of 32',
    features: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix' as GPUFeatureName],
    limits: { ...defaultLimits, maxComputeWorkgroupStorageSize: 49_152, maxStorageBuffersPerShaderStage: 10 },
    subgroupSize: 32,
    subgroupMatrix: true,
  },
} as const satisfies Record<string, TargetProfile>;
