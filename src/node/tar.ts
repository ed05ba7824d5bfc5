/** Reads tar archives (POSIX ustar) of plain files and folders. Anything else, links above all, is refused. */

export interface TarEntry {
  /** Relative, with `/`, without `.` and `..`. */
  readonly path: string;
  readonly kind: 'file' | 'folder';
  readonly executable: boolean;
  /** A view of the archive. */
  readonly data: Uint8Array;
}

const block = 512;

/** @throws Error when the archive is malformed, or has an entry that is not safe to unpack. */
export function readTar(archive: Uint8Array): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; at < archive.length; ) {
    if (at + block > archive.length) throw new Error(`the tar archive is truncated at byte ${at}`);
    const header = archive.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return entries;
    checkSum(header, at);
    const path = safePath(text(header, 345, 155), text(header, 0, 100));
    const size = octal(header, 124, 12);
    const start = at + block;
    if (start + size > archive.length) throw new Error(`the tar archive is truncated in ${path}`);
    const executable = (octal(header, 100, 8) & 0o100) !== 0;
    entries.push({ path, kind: kindOf(header, path), executable, data: archive.subarray(start, start + size) });
    at = start + Math.ceil(size / block) * block;
  }
  return entries;
}

function kindOf(header: Uint8Array, path: string): TarEntry['kind'] {
  const flag = String.fromCharCode(header[156] ?? 0);
  if (flag === '0' || flag === '\0') return 'file';
  if (flag === '5') return 'folder';
  throw new Error(`the tar archive has ${path} of type ${JSON.stringify(flag)}, which is neither a file nor a folder`);
}

function checkSum(header: Uint8Array, at: number): void {
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== octal(header, 148, 8)) throw new Error(`the tar archive has a damaged header at byte ${at}`);
}

function safePath(prefix: string, name: string): string {
  const full = prefix === '' ? name : `${prefix}/${name}`;
  const parts = full.split('/').filter((part) => part !== '' && part !== '.');
  const unsafe = full.startsWith('/') || /[\\:\0]/.test(full) || parts.includes('..') || parts.length === 0;
  if (unsafe) throw new Error(`the tar archive has the unsafe path ${JSON.stringify(full)}`);
  return parts.join('/');
}

function text(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error(`the tar archive has the malformed number ${JSON.stringify(digits)}`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}
