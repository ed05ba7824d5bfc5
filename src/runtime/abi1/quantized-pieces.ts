import type { Checkpoint, RowRange } from './checkpoint.ts';
import type { WeightDecl } from './definition.ts';
import { CheckpointError } from './errors.ts';
import { elementCount } from './extents.ts';
import { codeBytes, type Quantized, type QuantizedValues, quantize, quantizedOf } from './quantize.ts';

/** Bytes of a weight, and where they begin: in bytes, from its start. */
export interface WeightPiece {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** In a checkpoint that is quantised, the tensor with the scales of a matrix. */
export const scalesName = (matrix: string): string => `${matrix}.scales`;

/** Quantises the entries of a weight, which come in pieces of whole rows: its codes, and after all of these its scales. */
export async function* quantizedPieces(
  file: Checkpoint,
  weight: WeightDecl,
  quantized: Quantized,
  pieces: AsyncIterable<Float32Array>,
): AsyncGenerator<WeightPiece> {
  let codesAt = 0;
  let scalesAt = codeBytes(elementCount(weight.shape), quantized);
  // Uploads begin at multiples of four bytes, so an odd scale waits for the next one.
  let waiting = new Uint16Array();
  for await (const values of pieces) {
    const { codes, scales } = quantizedOrRefused(file, weight, values, quantized);
    yield { offset: codesAt, bytes: codes };
    codesAt += codes.byteLength;
    const all = new Uint16Array(waiting.length + scales.length);
    all.set(waiting);
    all.set(scales, waiting.length);
    const paired = all.length - (all.length % 2);
    yield { offset: scalesAt, bytes: new Uint8Array(all.buffer, 0, 2 * paired) };
    scalesAt += 2 * paired;
    waiting = all.slice(paired);
  }
  if (waiting.length > 0) yield { offset: scalesAt, bytes: new Uint8Array(waiting.buffer) };
}

function quantizedOrRefused(
  file: Checkpoint,
  weight: WeightDecl,
  values: Float32Array,
  quantized: Quantized,
): QuantizedValues {
  try {
    return quantize(values, quantized);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CheckpointError(file.name, `cannot be stored as ${quantized.dtype}: ${error.message}`, weight.source);
  }
}

/** Codes and scales that the checkpoint has, as they lie there. */
export async function* storedQuantizedPieces(
  file: Checkpoint,
  { source }: WeightDecl,
  pieceBytes: number,
): AsyncGenerator<WeightPiece> {
  let offset = 0;
  for (const tensor of [source, scalesName(source)]) {
    for (const rows of evenRanges(file, tensor, pieceBytes)) {
      const bytes = await file.readBytes(tensor, rows);
      yield { offset, bytes };
      offset += bytes.byteLength;
    }
  }
}

/** Rows of the first axis, an even number of them, so that two-byte entries make whole words. */
function evenRanges(file: Checkpoint, tensor: string, pieceBytes: number): readonly RowRange[] {
  const { shape, start, end } = file.info(tensor);
  const [rows = 1] = shape;
  const each = Math.max(2, 2 * Math.floor((pieceBytes * rows) / (2 * (end - start))));
  return Array.from({ length: Math.ceil(rows / each) }, (_, n) => [n * each, Math.min((n + 1) * each, rows)]);
}

/** The tensors of a quantised weight in a checkpoint that is quantised: their dtypes and shapes. */
export function storedShapes(weight: WeightDecl) {
  const quantized = quantizedOf(weight);
  if (quantized === undefined) return undefined;
  const width = weight.shape.at(-1) ?? 1;
  const outer = weight.shape.slice(0, -1);
  return {
    codes: { dtype: 'U8', shape: [...outer, codeBytes(width, quantized)] },
    scales: { dtype: 'F16', shape: [...outer, width / quantized.group] },
  } as const;
}
