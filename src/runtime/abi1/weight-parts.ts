import type { Checkpoint } from './checkpoint.ts';
import type { PartDecl, WeightDecl } from './definition.ts';
import type { WeightPiece } from './quantized-pieces.ts';
import { weightPieces } from './weight-pieces.ts';

/** What the checkpoint has to have for a weight: all of what it is a part of, without padding. */
export function wholeOf({ part, ...weight }: WeightDecl): WeightDecl {
  return part === undefined ? weight : { ...weight, shape: part.of, pitch: part.of.at(-1) ?? 1 };
}

/** The bytes of a weight as the device has them. Of a part, which is never of integers, they come at once: host memory is then that of the whole. */
export async function* deviceBytes(file: Checkpoint, weight: WeightDecl): AsyncGenerator<WeightPiece> {
  const { part, shape, pitch, dtype } = weight;
  const each = dtype === 'f32' ? 4 : 2;
  if (part === undefined) {
    yield* weightPieces(file, weight);
    return;
  }
  const whole = new Uint8Array(product(part.of) * each);
  for await (const { offset, bytes } of weightPieces(file, wholeOf(weight))) whole.set(bytes, offset);
  yield { offset: 0, bytes: padded(taken(whole, part, each), (shape.at(-1) ?? 1) * each, pitch * each) };
}

function taken(bytes: Uint8Array, { of, axis, size, starts }: PartDecl, bytesEach: number): Uint8Array<ArrayBuffer> {
  const each = product(of.slice(axis + 1)) * bytesEach;
  const extent = of[axis] ?? 1;
  const outer = product(of.slice(0, axis));
  const result = new Uint8Array(outer * starts.length * size * each);
  let at = 0;
  for (let run = 0; run < outer; run++) {
    for (const start of starts) {
      const from = (run * extent + start) * each;
      result.set(bytes.subarray(from, from + size * each), at);
      at += size * each;
    }
  }
  return result;
}

function padded(bytes: Uint8Array<ArrayBuffer>, width: number, pitch: number): Uint8Array<ArrayBuffer> {
  if (width === pitch) return bytes;
  const rows = bytes.byteLength / width;
  const result = new Uint8Array(rows * pitch);
  for (let row = 0; row < rows; row++) result.set(bytes.subarray(row * width, (row + 1) * width), row * pitch);
  return result;
}

const product = (extents: readonly number[]) => extents.reduce((all, extent) => all * extent, 1);
