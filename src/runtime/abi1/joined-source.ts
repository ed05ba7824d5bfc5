import { type ByteSource, checkRange } from './byte-source.ts';
import { CheckpointError } from './errors.ts';

/** Several sources as one, whose bytes follow each other. A range is read from one of them; it cannot span two. */
export function joinedSource(name: string, parts: readonly ByteSource[]): ByteSource {
  const starts = startsOf(parts);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return {
    name,
    size,
    async read(start, end) {
      checkRange({ name, size }, start, end);
      const index = parts.findIndex((part, i) => start >= at(starts, i) && end <= at(starts, i) + part.size);
      const part = parts[index];
      if (part === undefined) throw new CheckpointError(name, `bytes ${start} to ${end} lie in more than one file`);
      return part.read(start - at(starts, index), end - at(starts, index));
    },
    async close() {
      await Promise.all(parts.map((part) => part.close()));
    },
  };
}

/** Where each part begins in the whole. */
export function startsOf(parts: readonly Pick<ByteSource, 'size'>[]): readonly number[] {
  let start = 0;
  return parts.map(({ size }) => {
    const own = start;
    start += size;
    return own;
  });
}

const at = (starts: readonly number[], index: number): number => starts[index] ?? 0;
