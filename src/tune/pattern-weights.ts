import type { ByteSource } from '../runtime/abi1/byte-source.ts';
import { elementCount } from '../runtime/abi1/extents.ts';

/** A tensor of a checkpoint. */
interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A checkpoint that is never in memory as a whole: its data is one block of small f16 numbers over and over. */
export function patternWeights(tensors: readonly NamedShape[]): ByteSource {
  let offset = 0;
  const members = tensors.map(({ name, shape }) => {
    const bytes = 2 * elementCount(shape);
    const member = [name, { dtype: 'F16', shape, data_offsets: [offset, offset + bytes] }] as const;
    offset += bytes;
    return member;
  });
  const text = JSON.stringify(Object.fromEntries(members));
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const dataStart = 8 + header.byteLength;
  const block = new Uint16Array(1 << 20);
  // Halves of magnitude about 0.02, either sign.
  for (const index of block.keys())
    block[index] = 0x2400 + ((index * 2654435761) >>> 24) + (index % 2 === 0 ? 0x8000 : 0);
  const pattern = new Uint8Array(block.buffer);
  return {
    name: 'weights of a pattern',
    size: dataStart + offset,
    async read(start, end) {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end; ) {
        const [source, from] =
          at < 8
            ? [lengthOf(header), at]
            : at < dataStart
              ? [header, at - 8]
              : [pattern, (at - dataStart) % pattern.byteLength];
        const part = source.subarray(from, from + Math.min(source.byteLength - from, end - at));
        bytes.set(part, at - start);
        at += part.byteLength;
      }
      return bytes;
    },
    async close() {},
  };
}

function lengthOf(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  return bytes;
}
