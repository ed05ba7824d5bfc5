import { CheckpointError } from './errors.ts';
import { checkOptions, type OptionNames } from './option-names.ts';

/** Random access to the bytes of a file, wherever it is. `name` is for messages. */
export interface ByteSource {
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * Bytes of the half-open range. Exactly `end - start` of them.
   * @throws CheckpointError when the range is not within the file or cannot be read.
   */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** @throws CheckpointError unless `0 <= start <= end <= size`. */
export function checkRange(source: Pick<ByteSource, 'name' | 'size'>, start: number, end: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= source.size) {
    return;
  }
  throw new CheckpointError(source.name, `bytes ${start} to ${end} are not within its ${source.size} bytes`);
}

/** A source over bytes that are in memory (or that the browser holds, for a Blob or File). Ranges of memory are views, not copies. */
export function bytesSource(name: string, data: Uint8Array<ArrayBuffer> | ArrayBuffer | Blob): ByteSource {
  if (data instanceof Blob) return blobSource(name, data);
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const source = { name, size: bytes.byteLength };
  return {
    ...source,
    async read(start, end) {
      checkRange(source, start, end);
      return bytes.subarray(start, end);
    },
    async close() {},
  };
}

function blobSource(name: string, blob: Blob): ByteSource {
  const source = { name, size: blob.size };
  return {
    ...source,
    async read(start, end) {
      checkRange(source, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
    async close() {},
  };
}

export interface FetchSourceOptions {
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

const fetchOptions: OptionNames<FetchSourceOptions> = { fetch: true, signal: true, headers: true };

/**
 * A source over HTTP range requests. A server that ignores `Range` answers the first request with the whole file, which
 * is then kept in memory and serves all reads.
 * @throws CheckpointError when the server does not answer with the file.
 */
export async function fetchSource(url: string | URL, options: FetchSourceOptions = {}): Promise<ByteSource> {
  checkOptions('fetchSource', options, fetchOptions);
  const name = String(url);
  const first = await request(name, 0, 8, options);
  if (first.status === 200) return bytesSource(name, await body(name, first, options));
  const size = totalSize(first);
  if (size === undefined) {
    // Cross-origin servers that do not expose Content-Range leave only the whole file.
    await first.body?.cancel();
    const whole = await attempt(name, options, () => fetcher(options)(name, init(options, {})));
    if (whole.status !== 200) throw new CheckpointError(name, `the server answered ${whole.status}`);
    return bytesSource(name, await body(name, whole, options));
  }
  await first.body?.cancel();
  const validator = strongValidator(first);
  return {
    name,
    size,
    async read(start, end) {
      checkRange({ name, size }, start, end);
      if (start === end) return new Uint8Array(0);
      const response = await request(name, start, end, options, validator);
      if (response.status !== 206) {
        await response.body?.cancel();
        throw new CheckpointError(name, 'the file changed on the server while it was read: load it again');
      }
      const bytes = await body(name, response, options);
      if (bytes.byteLength !== end - start) {
        throw new CheckpointError(name, `asked for bytes ${start} to ${end}, the server sent ${bytes.byteLength}`);
      }
      return bytes;
    },
    async close() {},
  };
}

async function request(
  name: string,
  start: number,
  end: number,
  options: FetchSourceOptions,
  validator?: string,
): Promise<Response> {
  const range: Record<string, string> = { range: `bytes=${start}-${end - 1}` };
  if (validator !== undefined) range['if-range'] = validator;
  const response = await attempt(name, options, () => fetcher(options)(name, init(options, range)));
  if (response.status === 206 || response.status === 200) return response;
  await response.body?.cancel();
  if (response.status === 416) throw new CheckpointError(name, 'the file is empty');
  throw new CheckpointError(name, `the server answered ${response.status} ${response.statusText}`.trimEnd());
}

function fetcher(options: FetchSourceOptions): typeof globalThis.fetch {
  return options.fetch ?? globalThis.fetch;
}

function init(options: FetchSourceOptions, extra: Record<string, string>): RequestInit {
  const headers = { ...options.headers, ...extra };
  return options.signal === undefined ? { headers } : { headers, signal: options.signal };
}

async function body(name: string, response: Response, options: FetchSourceOptions): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await attempt(name, options, () => response.arrayBuffer()));
}

/** An abort is the caller's own doing and keeps its type; everything else is a failed read of the file. */
async function attempt<T>(name: string, options: FetchSourceOptions, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new CheckpointError(name, `cannot be fetched: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Undefined too when the ranges are of a compressed body: their positions are not those of the file. */
function totalSize(response: Response): number | undefined {
  if ((response.headers.get('content-encoding') ?? 'identity') !== 'identity') return undefined;
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  const size = Number(total);
  return total !== undefined && Number.isSafeInteger(size) ? size : undefined;
}

/** `If-Range` only takes strong validators; in browsers it is sent only to the same origin, as it is not CORS-safelisted. */
function strongValidator(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  if (etag === null || etag.startsWith('W/')) return undefined;
  const here = globalThis.location?.origin;
  if (here !== undefined && new URL(response.url, here).origin !== here) return undefined;
  return etag;
}
