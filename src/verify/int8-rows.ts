/** Rows of int8 as caches have them: blocks of four rows, each block after the four scales. */
const rowsOfBlock = 4;

const blockBytes = (pitch: number) => rowsOfBlock * (4 + pitch);

/** @param pitch entries of a row: a multiple of four. */
export function toInt8Rows(values: Float32Array, pitch: number): Uint8Array<ArrayBuffer> {
  const rows = values.length / pitch;
  const bytes = new Uint8Array(Math.ceil(rows / rowsOfBlock) * blockBytes(pitch));
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < rows; row++) {
    const entries = values.subarray(row * pitch, (row + 1) * pitch);
    const largest = entries.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
    const { scaleAt, entriesAt } = placeOf(row, pitch);
    view.setFloat32(scaleAt, largest / 127, true);
    for (const [e, entry] of entries.entries())
      view.setInt8(entriesAt + e, largest > 0 ? Math.round((127 * entry) / largest) : 0);
  }
  return bytes;
}

export function fromInt8Rows(bytes: Uint8Array, rows: number, pitch: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(rows * pitch);
  for (let row = 0; row < rows; row++) {
    const { scaleAt, entriesAt } = placeOf(row, pitch);
    const scale = view.getFloat32(scaleAt, true);
    for (let e = 0; e < pitch; e++) values[row * pitch + e] = scale * view.getInt8(entriesAt + e);
  }
  return values;
}

function placeOf(row: number, pitch: number) {
  const block = Math.floor(row / rowsOfBlock) * blockBytes(pitch);
  const inBlock = row % rowsOfBlock;
  return { scaleAt: block + 4 * inBlock, entriesAt: block + 4 * rowsOfBlock + inBlock * pitch };
}
