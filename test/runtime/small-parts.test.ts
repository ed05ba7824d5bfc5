import { describe, expect, it } from 'vitest';
import { bytesSource, fetchSource } from '../../src/runtime/abi1/byte-source.ts';
import { CheckpointError, OutOfMemoryError, UsageError } from '../../src/runtime/abi1/errors.ts';
import { evaluateExtent } from '../../src/runtime/abi1/extents.ts';
import { ropeTable } from '../../src/runtime/abi1/rope-table.ts';
import { charVocabulary } from '../../src/runtime/abi1/vocabulary.ts';

describe('evaluateExtent', () => {
  it('evaluates products, sums and ceilings', () => {
    const bindings = { B: 2, I: 7, C: 256 };
    expect(evaluateExtent(5, {})).toBe(5);
    expect(evaluateExtent(['*', 'B', 'I', 3], bindings)).toBe(42);
    expect(evaluateExtent(['ceil', ['+', 'C', 8], 64], bindings)).toBe(5);
    expect(evaluateExtent(['ceil', 'C', 64], bindings)).toBe(4);
  });

  it('refuses what is unbound, negative, fractional or beyond 2^53', () => {
    expect(() => evaluateExtent('J', { B: 1 })).toThrow('the extent J is not known here');
    expect(() => evaluateExtent('B', { B: -1 })).toThrow(UsageError);
    expect(() => evaluateExtent('B', { B: 1.5 })).toThrow(UsageError);
    expect(() => evaluateExtent(['ceil', 'B', 0], { B: 1 })).toThrow(UsageError);
    expect(evaluateExtent(['*', 'B', 2 ** 26], { B: 2 ** 26 })).toBe(2 ** 52);
    expect(() => evaluateExtent(['*', 'B', 2 ** 27], { B: 2 ** 26 })).toThrow('not an integer from 0 to 2^53 - 1');
  });
});

describe('ropeTable', () => {
  it('has a (cos, sin) pair for each position and frequency', () => {
    const table = ropeTable({ dim: 4, base: 10000 }, 3);
    expect(table).toHaveLength(12);
    expect(Array.from(table.subarray(0, 4))).toEqual([1, 0, 1, 0]);
    expect(table[8]).toBe(Math.fround(Math.cos(2)));
    expect(table[9]).toBe(Math.fround(Math.sin(2)));
    expect(table[10]).toBe(Math.fround(Math.cos(2 * 10000 ** -0.5)));
    expect(table[11]).toBe(Math.fround(Math.sin(2 * 10000 ** -0.5)));
  });

  it('refuses an odd dimension', () => {
    expect(() => ropeTable({ dim: 3, base: 10000 }, 1)).toThrow('even integer');
    expect(() => ropeTable({ dim: 4, base: 0 }, 1)).toThrow(UsageError);
  });
});

describe('charVocabulary', () => {
  const vocabulary = charVocabulary(['\n', 'a', 'b', '😀']);

  it('encodes and decodes by code point', () => {
    expect(vocabulary.encode('ab\n😀')).toEqual([1, 2, 0, 3]);
    expect(vocabulary.decode([3, 2])).toBe('😀b');
    expect(vocabulary.size).toBe(4);
  });

  it('names the character that it does not know, and where', () => {
    expect(() => vocabulary.encode('a😀é')).toThrow('character "é" (U+00E9) at position 2');
    expect(() => vocabulary.decode([4])).toThrow('4 is not a token: the vocabulary has 4');
    expect(() => charVocabulary(['a', 'a'])).toThrow('twice');
    expect(() => charVocabulary(['ab'])).toThrow('not one character');
  });
});

describe('byte sources', () => {
  const content = Uint8Array.from({ length: 32 }, (_, i) => i);

  it('read memory and blobs, and refuse ranges out of them', async () => {
    for (const source of [
      bytesSource('m', content),
      bytesSource('b', new Blob([content])),
      bytesSource('a', content.buffer),
    ]) {
      expect(source.size).toBe(32);
      expect([...(await source.read(3, 6))]).toEqual([3, 4, 5]);
      await expect(source.read(30, 33)).rejects.toThrow(CheckpointError);
      await expect(source.read(6, 3)).rejects.toThrow(CheckpointError);
    }
  });

  function server(ranges: boolean, etag = '"1"') {
    const requests: string[] = [];
    const state = { etag };
    const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
      const headers = new Headers(init?.headers);
      const range = /^bytes=(\d+)-(\d+)$/.exec(headers.get('range') ?? '');
      requests.push(headers.get('range') ?? 'whole');
      const changed = headers.has('if-range') && headers.get('if-range') !== state.etag;
      if (!ranges || changed || range === null) return new Response(content);
      const [from, to] = [Number(range[1]), Math.min(Number(range[2]), content.length - 1)];
      return new Response(content.slice(from, to + 1), {
        status: 206,
        headers: { 'content-range': `bytes ${from}-${to}/${content.length}`, etag: state.etag },
      });
    };
    return { fetch: fetch as typeof globalThis.fetch, requests, state };
  }

  it('fetch ranges', async () => {
    const { fetch, requests } = server(true);
    const source = await fetchSource('https://host/m', { fetch });
    expect(source.size).toBe(32);
    expect([...(await source.read(8, 10))]).toEqual([8, 9]);
    expect(await source.read(4, 4)).toHaveLength(0);
    expect(requests).toEqual(['bytes=0-7', 'bytes=8-9']);
  });

  it('fetch the whole file once when ranges are ignored', async () => {
    const { fetch, requests } = server(false);
    const source = await fetchSource('https://host/m', { fetch });
    expect([...(await source.read(8, 10))]).toEqual([8, 9]);
    expect([...(await source.read(30, 32))]).toEqual([30, 31]);
    expect(requests).toHaveLength(1);
  });

  it('notice a file that changes, an error status and an abort', async () => {
    const { fetch, state } = server(true);
    const source = await fetchSource('https://host/m', { fetch });
    state.etag = '"2"';
    await expect(source.read(0, 4)).rejects.toThrow('changed on the server');
    const missing = async () => new Response('', { status: 404, statusText: 'Not Found' });
    await expect(fetchSource('https://host/m', { fetch: missing })).rejects.toThrow(
      'the server answered 404 Not Found',
    );
    const offline = async () => Promise.reject(new TypeError('fetch failed'));
    await expect(fetchSource('https://host/m', { fetch: offline })).rejects.toThrow(CheckpointError);
    const aborted = fetchSource('http://127.0.0.1:9/m', { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toHaveProperty('name', 'AbortError');
  });
});

describe('errors', () => {
  it('say what, where and a way out, in one line', () => {
    expect(new OutOfMemoryError('cache.k', 2 ** 31, 2 ** 20).message).toBe(
      'out of device memory: cache.k needs 2.00 GiB, 1.00 MiB are already allocated; use a shorter context, a smaller batch or an f16 cache',
    );
    expect(new CheckpointError('f', 'm', 'a\nb').message).toBe('f: tensor "a\\nb": m');
  });
});
