import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/node/checkpoint-file.ts';
import { CheckpointError } from '../../src/runtime/abi1/errors.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-shards-'));
  path = join(folder, 'model.safetensors.index.json');
  await writeFile(join(folder, 'one.safetensors'), file({ a: [1, 2, 3, 4] }));
  await writeFile(join(folder, 'two.safetensors'), file({ b: [5, 6], c: [7] }));
  await writeFile(join(folder, 'again.safetensors'), file({ a: [9] }));
});
afterAll(() => rm(folder, { recursive: true }));

function file(tensors: Readonly<Record<string, readonly number[]>>): Uint8Array {
  return writeSafetensors(
    Object.entries(tensors).map(([name, values]) => ({
      name,
      dtype: 'F32',
      shape: [values.length],
      bytes: new Uint8Array(Float32Array.from(values).buffer),
    })),
  );
}

async function open(index: unknown) {
  await writeFile(path, typeof index === 'string' ? index : JSON.stringify(index));
  return openCheckpoint(path);
}

describe('a sharded checkpoint', () => {
  it('is one file, from whose shards only what is asked for is read', async () => {
    const opened = await open({
      weight_map: { a: 'one.safetensors', c: 'two.safetensors', b: 'two.safetensors' },
    });
    expect([...opened.tensors.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect([...(await opened.readFloat32('a', [1, 3]))]).toEqual([2, 3]);
    expect([...(await opened.readFloat32('b'))]).toEqual([5, 6]);
    expect([...(await opened.readFloat32('c'))]).toEqual([7]);
    await opened.close();
  });

  it.each([
    ['is no JSON', '{', /cannot be read as the index/],
    ['has no map', { metadata: {} }, /no weight_map/],
    ['has an empty map', { weight_map: {} }, /empty/],
    ['leads out of its folder', { weight_map: { a: '../one.safetensors' } }, /not a \.safetensors file beside it/],
    ['names a number', { weight_map: { a: 1 } }, /not a \.safetensors file beside it/],
    ['names a missing shard', { weight_map: { a: 'three.safetensors' } }, /no such file/],
    ['names a tensor that its shard lacks', { weight_map: { z: 'one.safetensors' } }, /"z": is in no shard/],
    [
      'names two shards with one tensor',
      { weight_map: { a: 'one.safetensors', b: 'again.safetensors' } },
      /an earlier shard has it too/,
    ],
  ])('is refused when its index %s', async (_, index, message) => {
    const error = await open(index).then(
      () => expect.fail('was accepted'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toMatch(message);
  });
});
