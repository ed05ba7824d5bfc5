import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/runtime/abi1/byte-source.ts';
import { CheckpointError } from '../../src/runtime/abi1/errors.ts';
import { fromFloat32 } from '../../src/runtime/abi1/floats.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';

function file(
  header: string,
  data: number,
  length: number | bigint = new TextEncoder().encode(header).length,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: string, start: number, end: number) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${start},${end}]}`;

async function refusal(bytes: Uint8Array<ArrayBuffer>): Promise<CheckpointError> {
  const reads: number[] = [];
  const inner = bytesSource('x.safetensors', bytes);
  const read = (start: number, end: number) => {
    reads.push(end);
    return inner.read(start, end);
  };
  const error = await SafetensorsFile.open({ ...inner, read }).then(
    () => expect.fail('was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  // The length and the header at most: never tensor data.
  expect(reads.length).toBeLessThanOrEqual(2);
  return error as CheckpointError;
}

const f32x2 = entry('F32', '[2]', 0, 8);

const refused: readonly [what: string, bytes: Uint8Array<ArrayBuffer>, message: string, tensor?: string][] = [
  ['an empty file', new Uint8Array(0), '0 bytes are too few'],
  ['seven bytes', new Uint8Array(7), '7 bytes are too few'],
  ['a header longer than the file', file('{}', 0, 3), 'it is truncated or not a safetensors file'],
  ['a header length of 2^64 - 1', file('{}', 0, 2n ** 64n - 1n), '18446744073709551615'],
  ['no header', file('', 0), 'does not start with {'],
  ['a header that is not UTF-8', file('{}', 0).with(8, 0xff), 'not UTF-8'],
  ['a byte order mark', file('\ufeff{}', 0), 'does not start with {'],
  ['text after the header', file('{}x', 0), 'unexpected text after the header'],
  ['an unfinished header', file(`{"a":${f32x2}`, 8), 'ends too early'],
  ['an unfinished string', file('{"a', 0), 'unfinished string'],
  ['a control character in a name', file(`{"a\u0001":${f32x2}}`, 8), 'control character'],
  ['a bad escape', file(`{"a\\x":${f32x2}}`, 8), 'malformed escape'],
  ['a trailing comma', file(`{"a":${f32x2},}`, 8), 'expected a string'],
  ['an array', file('[]', 0), 'does not start with {'],
  ['a nested bomb', file(`{"a":${'['.repeat(50_000)}`, 0), 'expected an object'],
  ['a tensor that is not an object', file('{"a":1}', 0), 'expected an object'],
  ['metadata with a number', file('{"__metadata__":{"a":1}}', 0), 'expected a string'],
  ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}', 0), '__metadata__ twice'],
  ['a metadata key twice', file('{"__metadata__":{"a":"1","a":"2"}}', 0), 'the key "a" twice'],
  ['a name twice', file(`{"a":${f32x2},"a":${entry('F32', '[2]', 8, 16)}}`, 16), 'this name twice', 'a'],
  ['a name twice, once escaped', file(`{"a":${f32x2},"\\u0061":${f32x2}}`, 8), 'this name twice', 'a'],
  ['__proto__ twice', file(`{"__proto__":${f32x2},"__proto__":${f32x2}}`, 8), 'this name twice', '__proto__'],
  ['a field twice', file('{"a":{"dtype":"F32","dtype":"F16"}}', 0), 'its dtype twice', 'a'],
  ['an unknown field', file('{"a":{"size":1}}', 0), 'unknown field "size"', 'a'],
  ['no dtype', file('{"a":{"shape":[],"data_offsets":[0,4]}}', 4), 'does not say its dtype', 'a'],
  ['no shape', file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), 'does not say its shape', 'a'],
  ['one offset', file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}', 4), 'where its data starts', 'a'],
  ['three offsets', file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}', 4), 'more than 2 numbers'],
  ['an unknown dtype', file(`{"a":${entry('F128', '[1]', 0, 16)}}`, 16), 'unknown dtype "F128"', 'a'],
  ['a dtype of Object.prototype', file(`{"a":${entry('toString', '[1]', 0, 16)}}`, 16), 'unknown dtype', 'a'],
  ['a negative extent', file(`{"a":${entry('F32', '[-2]', 0, 8)}}`, 8), 'expected an integer of at least 0'],
  ['a fraction', file(`{"a":${entry('F32', '[2.0]', 0, 8)}}`, 8), 'expected , or ]'],
  ['a leading zero', file(`{"a":${entry('F32', '[02]', 0, 8)}}`, 8), 'expected an integer'],
  ['an extent of 2^53', file(`{"a":${entry('F32', '[9007199254740992]', 0, 8)}}`, 8), 'larger than 2^53 - 1'],
  ['an overflowing shape', file(`{"a":${entry('F32', '[4294967296,4294967296]', 0, 0)}}`, 0), 'too many elements', 'a'],
  [
    'an overflow hidden by zero',
    file(`{"a":${entry('F32', '[4294967296,4294967296,0]', 0, 0)}}`, 0),
    'too many elements',
    'a',
  ],
  ['65 axes', file(`{"a":${entry('U8', `[${'1,'.repeat(64)}1]`, 0, 1)}}`, 1), 'more than 64 numbers'],
  ['half a byte', file(`{"a":${entry('F4', '[3]', 0, 2)}}`, 2), 'do not fill whole bytes', 'a'],
  [
    'a span that is not the shape’s',
    file(`{"a":${entry('F32', '[3]', 0, 8)}}`, 8),
    'F32 [3] takes 12 bytes, its data has 8',
    'a',
  ],
  ['an end before its start', file(`{"a":${entry('F32', '[2]', 8, 0)}}`, 8), 'before its start', 'a'],
  ['an overlap', file(`{"a":${f32x2},"b":${entry('F32', '[2]', 4, 12)}}`, 12), 'overlaps', 'b'],
  ['the same bytes twice', file(`{"a":${f32x2},"b":${f32x2}}`, 8), 'overlaps', 'b'],
  ['a gap', file(`{"a":${f32x2},"b":${entry('F32', '[2]', 12, 20)}}`, 20), 'leaves a gap', 'b'],
  ['a gap at the start', file(`{"a":${entry('F32', '[2]', 4, 12)}}`, 12), 'leaves a gap', 'a'],
  ['a truncated file', file(`{"a":${f32x2},"b":${entry('F32', '[2]', 8, 16)}}`, 15), 'the file is truncated', 'b'],
  ['bytes after the last tensor', file(`{"a":${f32x2}}`, 9), '1 bytes after the last tensor'],
];

describe('hostile safetensors files', () => {
  it.each(refused)('refuses %s', async (_, bytes, message, tensor) => {
    const error = await refusal(bytes);
    expect(error.message).toContain(message);
    expect(error.file).toBe('x.safetensors');
    expect(error.tensor).toBe(tensor);
  });

  it('takes names of Object.prototype as names', async () => {
    const opened = await SafetensorsFile.open(
      bytesSource('x', file(`{"__proto__":${f32x2},"constructor":${entry('F32', '[]', 8, 12)}}`, 12)),
    );
    expect([...opened.tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Object.hasOwn(Object.prototype, 'dtype')).toBe(false);
    expect(await opened.readBytes('__proto__')).toHaveLength(8);
  });

  it('takes 100,000 tensors within two seconds, and no more', async () => {
    const entries = Array.from({ length: 100_001 }, (_, i) => `"${i}":${entry('U8', '[0]', 0, 0)}`);
    expect((await refusal(file(`{${entries.join(',')}}`, 0))).message).toContain('more than 100000 tensors');
    const most = bytesSource('x', file(`{${entries.slice(1).join(',')}}`, 0));
    const started = performance.now();
    expect((await SafetensorsFile.open(most)).tensors.size).toBe(100_000);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('stays linear on a header of one long string or of spaces', async () => {
    const started = performance.now();
    expect((await refusal(file(`{"${'a\\n'.repeat(3_000_000)}`, 0))).message).toContain('unfinished string');
    expect((await refusal(file(`{${' '.repeat(8_000_000)}`, 0))).message).toContain('expected a string');
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function randomSource(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(original: Uint8Array<ArrayBuffer>, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const bytes = original.slice();
  const interesting = [0, 1, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5c, 0x7b, 0x7d, 0xff];
  for (let edits = 1 + random(3); edits > 0; edits -= 1) {
    const at = random(bytes.length);
    bytes[at] = random(2) === 0 ? random(256) : (interesting[random(interesting.length)] as number);
  }
  if (random(4) === 0) return bytes.slice(0, random(bytes.length));
  if (random(4) > 0) return bytes;
  const cut = random(bytes.length);
  return Uint8Array.from([...bytes.slice(0, cut), random(256), ...bytes.slice(cut)]);
}

describe('50,000 mutated safetensors files', () => {
  const valid = writeSafetensors(
    [
      { name: 'layers.0.w', dtype: 'F32', shape: [2, 3], bytes: fromFloat32('f32', Float32Array.of(1, 2, 3, 4, 5, 6)) },
      { name: 'layers.0.b', dtype: 'F16', shape: [3], bytes: fromFloat32('f16', Float32Array.of(1, 2, 3)) },
      { name: 'mask', dtype: 'BOOL', shape: [], bytes: Uint8Array.of(1) },
    ],
    new Map([['format', 'pt']]),
  );

  it('give consistent tensors or a CheckpointError, nothing else', async () => {
    const random = randomSource(20_240_607);
    let accepted = 0;
    for (let round = 0; round < 50_000; round += 1) {
      const bytes = mutate(valid, random);
      try {
        const opened = await SafetensorsFile.open(bytesSource('mutant', bytes));
        accepted += 1;
        let total = 0;
        for (const [name, info] of opened.tensors) {
          if (info.start < 8 || info.end > bytes.length) expect.fail(`round ${round}: ${name} is out of the file`);
          total += (await opened.readBytes(name)).length;
          await opened.readFloat32(name);
        }
        const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
        if (total !== bytes.length - 8 - header) expect.fail(`round ${round}: ${total} bytes of tensors`);
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
      }
    }
    expect(accepted).toBeGreaterThan(500);
    expect(accepted).toBeLessThan(40_000);
  }, 30_000);
});
