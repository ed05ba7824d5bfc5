import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { type ByteSource, checkRange } from '../runtime/abi1/byte-source.ts';
import { CheckpointError } from '../runtime/abi1/errors.ts';
import { pathOf } from './path-of.ts';

/** Descriptors and not Node's `FileHandle`: that one warns when a checkpoint that nobody closed is collected. */
const files = { open: promisify(open), stat: promisify(fstat), read: promisify(read), close: promisify(close) };

/** Closes the files of sources that nobody closed and nobody has any more. */
const abandoned = new FinalizationRegistry<number>((descriptor) => close(descriptor, () => {}));

/**
 * A source over an open file; only the ranges asked for are read.
 * @throws CheckpointError when the file cannot be opened or is not a regular file.
 */
export async function openFile(place: string | URL): Promise<ByteSource> {
  const path = pathOf(place);
  const descriptor = await attempt(path, 'cannot be opened', () => files.open(path, 'r'));
  const stat = await files.stat(descriptor);
  if (!stat.isFile()) {
    await files.close(descriptor);
    throw new CheckpointError(path, 'is not a regular file');
  }
  let isOpen = true;
  const source: ByteSource = {
    name: path,
    size: stat.size,
    async read(start, end) {
      checkRange(source, start, end);
      if (!isOpen) throw new CheckpointError(path, 'is closed');
      return readFully(path, descriptor, start, end);
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      abandoned.unregister(source);
      await files.close(descriptor);
    },
  };
  abandoned.register(source, descriptor, source);
  return source;
}

async function readFully(
  path: string,
  descriptor: number,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  // One read returns at most 2 GiB, and may return less than asked for.
  while (filled < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - filled, 1 << 30);
    const { bytesRead } = await attempt(path, 'cannot be read', () =>
      files.read(descriptor, bytes, filled, length, start + filled),
    );
    if (bytesRead === 0) throw new CheckpointError(path, `ends at byte ${start + filled}: it was cut short while open`);
    filled += bytesRead;
  }
  return bytes;
}

async function attempt<T>(path: string, what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'no such file' : error instanceof Error ? error.message : String(error);
    throw new CheckpointError(path, `${what}: ${reason}`);
  }
}
