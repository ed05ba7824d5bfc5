/** Every plan says how many invocations a workgroup has and what workgroup memory they share. */
export interface PlanBase {
  readonly threads: number;
  readonly workgroup: readonly WorkgroupArray[];
}

export interface WorkgroupArray {
  readonly name: string;
  readonly element: 'f32' | 'u32' | 'vec2f' | 'vec4f' | 'vec4u' | 'vec4h' | 'atomic<u32>';
  readonly length: number;
}

/** How four neighbouring elements lie in a buffer. `packed`: two 16-bit values in each u32, for devices without shader-f16. */
export type Storage = 'f32' | 'f16' | 'f16-packed' | 'bf16-packed';

/** How rows of activations are stored. */
export type RowStorage = Exclude<Storage, 'bf16-packed'>;

/** Of activations that kernels of one prompt hand on: f16 where all that read them round to it. */
export type HandedStorage = 'f32' | 'f16';

/** Integers that share a scale in groups: eight or four codes in each u32, and from word `scalesAt` on the scales, two f16 in each. */
export interface QuantizedStorage {
  readonly dtype: 'int8' | 'int4';
  readonly group: number;
  readonly scalesAt: number;
  /** Codes of four bits may become numbers by way of f16, two at a time. */
  readonly byHalves?: true;
}

export type MatrixStorage = Storage | QuantizedStorage;

/** What a norm multiplies with; `offset`: one more than what is stored. */
export type NormWeight = 'none' | 'plain' | 'offset';

/** How keys and values are stored: `int8` in rows that have a scale each. */
export type KeyStorage = Storage | 'int8';

/** Where rows of a cache lie: position p in row p mod `rows`, or in a page of `pageSize` positions. Absent: a row for each position. */
export type CachePlan =
  | { readonly kind: 'ring'; readonly rows: number }
  | { readonly kind: 'paged'; readonly pageSize: number };
