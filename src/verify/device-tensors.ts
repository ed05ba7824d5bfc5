import type { Tensor } from '../compiler/oracle/tensor.ts';
import type { BufferDecl } from '../runtime/abi1/definition.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import { fromFloat32, toFloat32 } from '../runtime/abi1/floats.ts';
import { fromInt8Rows, toInt8Rows } from './int8-rows.ts';

/** Entries of a row on the device: rows of caches are padded to four, with zeros. */
function pitchOf({ role }: Pick<BufferDecl, 'role'>, width: number): number {
  return role === 'cache' ? Math.ceil(width / 4) * 4 : width;
}

const widthOf = ({ shape }: Pick<Tensor, 'shape'>) => shape.at(-1) ?? 1;

/** A reference tensor in the bytes that the device has for it. */
export function toDevice(tensor: Tensor, declared: BufferDecl): Uint8Array<ArrayBuffer> {
  if (declared.dtype === 'u32') return new Uint8Array(Uint32Array.from(tensor.data).buffer);
  const width = widthOf(tensor);
  const pitch = pitchOf(declared, width);
  const values = new Float32Array((tensor.data.length / width) * pitch);
  for (let row = 0; row * width < tensor.data.length; row++) {
    values.set(tensor.data.subarray(row * width, (row + 1) * width), row * pitch);
  }
  return declared.dtype === 'int8' ? toInt8Rows(values, pitch) : fromFloat32(declared.dtype, values);
}

/** The device's bytes in the layout of the reference. Entries between rows are dropped. */
export function fromDevice(bytes: Uint8Array, declared: BufferDecl, shape: readonly number[]): Float64Array {
  if (declared.dtype === 'u32') return Float64Array.from(new Uint32Array(bytes.slice().buffer, 0, elementCount(shape)));
  const width = shape.at(-1) ?? 1;
  const pitch = pitchOf(declared, width);
  const count = elementCount(shape);
  const stored = (count / width) * pitch;
  const values = valuesOf(bytes, declared.dtype, stored, pitch);
  return Float64Array.from(
    { length: count },
    (_, at) => values[Math.floor(at / width) * pitch + (at % width)] ?? Number.NaN,
  );
}

function valuesOf(bytes: Uint8Array, dtype: BufferDecl['dtype'], count: number, pitch: number): Float32Array {
  if (dtype === 'int8') return fromInt8Rows(bytes, count / pitch, pitch);
  const used = bytes.subarray(0, count * (dtype === 'f16' ? 2 : 4));
  return toFloat32(dtype === 'f16' ? 'F16' : 'F32', used, count);
}
