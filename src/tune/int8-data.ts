import { fromInt8Rows, toInt8Rows } from '../verify/int8-rows.ts';
import { valueAt } from './device-data.ts';

/** Rows after which an int8 cache repeats: whole blocks, and no power of two, so that a row read at a wrong place shows. */
const period = 4 * 251;

const valuesOf = (pitch: number, seed: number) =>
  Float32Array.from({ length: period * pitch }, (_, index) => valueAt(index, seed));

/** Fills an int8 cache with the rows of `int8Rows`, over and over. @param pitch entries of a row, a multiple of four */
export function fillInt8(device: GPUDevice, buffer: GPUBuffer, pitch: number, seed: number): void {
  const bytes = toInt8Rows(valuesOf(pitch, seed), pitch);
  for (let at = 0; at < buffer.size; at += bytes.length)
    device.queue.writeBuffer(buffer, at, bytes, 0, Math.min(bytes.length, buffer.size - at));
}

/** What each row of the cache stands for. */
export function int8Rows(pitch: number, seed: number): (row: number) => Float32Array {
  const values = fromInt8Rows(toInt8Rows(valuesOf(pitch, seed), pitch), period, pitch);
  return (row) => values.subarray((row % period) * pitch, ((row % period) + 1) * pitch);
}
