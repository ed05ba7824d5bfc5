import { type FileHandle, open } from 'node:fs/promises';
import { type ByteSource, checkRange } from '../runtime/abi1/byte-source.ts';
import { CheckpointError } from '../runtime/abi1/errors.ts';

/**
 * A source over an open file; only the ranges asked for are read.
 * @throws CheckpointError when the file cannot be opened or is not a regular file.
 */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await attempt(path, 'cannot be opened', () => open(path, 'r'));
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new CheckpointError(path, 'is not a regular file');
  }
  const source = { name: path, size: stat.size };
  return {
    ...source,
    async read(start, end) {
      checkRange(source, start, end);
      return readFully(path, handle, start, end);
    },
    close: () => handle.close(),
  };
}

async function readFully(
  path: string,
  handle: FileHandle,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  // One read returns at most 2 GiB, and may return less than asked for.
  while (filled < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - filled, 1 << 30);
    const { bytesRead } = await attempt(path, 'cannot be read', () =>
      handle.read(bytes, filled, length, start + filled),
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
