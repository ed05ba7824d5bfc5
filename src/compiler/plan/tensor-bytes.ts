import type { TensorDecl } from '../ir/nodes.ts';

/** Bytes of one element on the device. */
export const elementBytes: Readonly<Record<TensorDecl['dtype'], number>> = { f32: 4, f16: 2, bf16: 2, u32: 4 };
