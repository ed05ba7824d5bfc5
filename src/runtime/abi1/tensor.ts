import { bufferUsage } from './buffers.ts';
import { elementCount } from './extents.ts';

export type TensorDtype = 'f32' | 'f16' | 'u32';
export type Shape = readonly number[];

/** Values on the host; `shape` from the slowest axis to the fastest. */
export interface Tensor<D extends TensorDtype = TensorDtype, S extends Shape = Shape> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: Float32Array<ArrayBuffer>;
}

/** A buffer on the device together with what it holds: its type says the extents that the module fixes. */
export interface DeviceTensor<D extends TensorDtype = TensorDtype, S extends Shape = Shape> {
  readonly dtype: D;
  readonly shape: S;
  readonly buffer: GPUBuffer;
}

/** Usage flags that a buffer needs to be an input or output of a module, and to be copied to and from. */
export const tensorUsage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination;

/** A new zeroed tensor on the device. Its buffer is the caller's to destroy. */
export function deviceTensor<const D extends TensorDtype, const S extends Shape>(
  device: GPUDevice,
  dtype: D,
  shape: S,
): DeviceTensor<D, S> {
  const elements = elementCount(shape);
  const size = Math.max(16, Math.ceil((elements * (dtype === 'f16' ? 2 : 4)) / 16) * 16);
  return {
    dtype,
    shape,
    buffer: device.createBuffer({ label: `[${shape.join(', ')}] ${dtype}`, size, usage: tensorUsage }),
  };
}
