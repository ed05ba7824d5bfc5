import { cp, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSpec } from '../../src/cli/files/spec-files.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { createNullDevice } from '../../src/node/adapter.ts';
import { openCheckpoint } from '../../src/node/checkpoint-file.ts';
import { bytesSource, type Checkpoint, loadModel, ShardedCheckpoint } from '../../src/runtime/abi1/index.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { gqac } from '../lint/helpers.ts';
import { exampleDefinition, exampleNames, openExampleWeights } from '../runtime/examples.ts';

const indexName = 'model.safetensors.index.json';
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-sharded-'));
  for (const name of exampleNames) await writeShards(name, await openExampleWeights(name), 3);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const shardName = (index: number, count: number) => `model-0000${index + 1}-of-0000${count}.safetensors`;

/** The tensors dealt out to files of a new folder, and their index. */
async function writeShards(name: string, checkpoint: Checkpoint, count: number): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const shards: Parameters<typeof writeSafetensors>[0][number][][] = Array.from({ length: count }, () => []);
  const map: Record<string, string> = {};
  for (const [index, [tensor, { dtype, shape }]] of [...checkpoint.tensors].entries()) {
    shards[index % count]?.push({ name: tensor, dtype, shape, bytes: await checkpoint.readBytes(tensor) });
    map[tensor] = shardName(index % count, count);
  }
  for (const [index, tensors] of shards.entries())
    await writeFile(join(path, shardName(index, count)), writeSafetensors(tensors));
  await writeFile(join(path, indexName), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
  return path;
}

const numbers = (name: string, ...values: readonly number[]) => ({
  name,
  dtype: 'F32' as const,
  shape: [values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

/** In memory, so that anything can be wrong with it. */
function opened(map: unknown, files: Readonly<Record<string, Parameters<typeof writeSafetensors>[0]>>) {
  const index = bytesSource('i.json', new TextEncoder().encode(JSON.stringify(map)));
  return ShardedCheckpoint.open(index, async (file) => {
    const tensors = files[file];
    if (tensors === undefined) throw new Error(`${file} is not there`);
    return bytesSource(file, writeSafetensors(tensors));
  });
}

describe('a checkpoint in several files', () => {
  it.each(exampleNames)('%s: each tensor is what it is in one file, whole or in part', async (name) => {
    const whole = await openExampleWeights(name);
    const path = join(folder, name);
    for (const place of [path, join(path, indexName)]) {
      const sharded = await openCheckpoint(place);
      expect([...sharded.tensors.keys()].sort()).toEqual([...whole.tensors.keys()].sort());
      for (const [tensor, { dtype, shape }] of whole.tensors) {
        expect(sharded.info(tensor)).toMatchObject({ dtype, shape });
        // Matchers look at megabytes one by one.
        expect(Buffer.compare(await sharded.readBytes(tensor), await whole.readBytes(tensor))).toBe(0);
      }
      const [first = ''] = whole.tensors.keys();
      expect(await sharded.readFloat32(first, [0, 1])).toEqual(await whole.readFloat32(first, [0, 1]));
      expect(() => sharded.info('nothing')).toThrow('in none of its files');
      await sharded.close();
    }
  });

  it('loads into a model', async () => {
    const [name] = exampleNames;
    const device = await createNullDevice();
    const weights = await openCheckpoint(join(folder, name));
    const model = await loadModel(await exampleDefinition(name), { device, weights, variant: 'baseline' });
    expect(model.allocations.length).toBeGreaterThan(20);
    model.dispose();
    await weights.close();
    device.destroy();
  });

  it('is refused where index and files disagree', async () => {
    const [a, b] = [numbers('a', 1), numbers('b', 2)];
    const map = { weight_map: { a: 'x.safetensors', b: 'y.safetensors' } };
    const sound = await opened(map, { 'x.safetensors': [a], 'y.safetensors': [b] });
    expect([...(await sound.readFloat32('b'))]).toEqual([2]);
    await expect(opened(map, { 'x.safetensors': [a], 'y.safetensors': [a, b] })).rejects.toThrow(
      'i.json: tensor "a": it is in x.safetensors and in y.safetensors',
    );
    await expect(opened(map, { 'x.safetensors': [b], 'y.safetensors': [a] })).rejects.toThrow(
      'it should be in x.safetensors, which does not have it',
    );
  });

  it.each<readonly [index: object, problem: string]>([
    [{}, 'it has no weight_map'],
    [[], 'it has no weight_map'],
    [{ weight_map: [] }, 'it has no weight_map'],
    [{ weight_map: {} }, 'its weight_map names no tensor'],
    ...[
      '../x.safetensors',
      '/etc/x.safetensors',
      'a/../../x.safetensors',
      'C:\\x.safetensors',
      'a\\x.safetensors',
      'x.bin',
      '',
      3,
    ].map(
      (file) =>
        [{ weight_map: { a: file } }, 'its file is not the name of a .safetensors file beside the index'] as const,
    ),
  ])('has no index such as %j', async (index, problem) => {
    await expect(opened(index, {})).rejects.toThrow(problem);
  });

  it('is looked for in a folder', async () => {
    await expect(openCheckpoint(folder)).rejects.toThrow(
      'a folder without model.safetensors and without model.safetensors.index.json',
    );
    const single = await openCheckpoint(`examples/${exampleNames[0]}`);
    expect(single.name).toMatch(/model\.safetensors$/);
    await single.close();
  });
});

describe('gqac check', () => {
  const [name] = exampleNames;
  const specIn = async (path: string) => {
    const text = await readFile(`examples/${name}/spec.yaml`, 'utf8');
    const file = join(path, 'spec.yaml');
    await writeFile(file, text.replace('file: model.safetensors', `file: ${indexName}`));
    return file;
  };
  const copyOf = async (copy: string) => {
    const path = join(folder, copy);
    await cp(join(folder, name), path, { recursive: true });
    return { path, spec: await specIn(path) };
  };

  it('reads the shards of an index that the spec names, or of a folder', async () => {
    const { path, spec } = await copyOf('sound');
    expect(gqac(['check', spec])).toMatchObject({ status: 0, stderr: '1 spec checked, no findings\n' });
    expect(gqac(['check', spec, '--weights', path]).status).toBe(0);
    expect(gqac(['check', spec, '--weights', join(path, shardName(0, 3))]).stderr).toContain('error[WGT001]');
  });

  it('reports a shard that is not there or is cut short once, and nothing that follows from it', async () => {
    const { path, spec } = await copyOf('missing');
    await rm(join(path, shardName(1, 3)));
    const { diagnostics } = await loadSpec(spec);
    expect(diagnostics.map(({ code }) => code)).toEqual(['WGT010']);
    expect(diagnostics[0]?.message).toMatch(
      /^shard `model-00002-of-00003.safetensors` of the checkpoint, with \d+ tensors, is unusable: cannot be opened: no such file$/,
    );
    const bytes = await readFile(join(path, shardName(0, 3)));
    await writeFile(join(path, shardName(1, 3)), bytes.subarray(0, bytes.length - 4));
    expect(
      (await loadSpec(spec)).diagnostics.map(({ code, message }) => [code, message.includes('truncated')]),
    ).toEqual([['WGT010', true]]);
  });

  it('reports tensors that are in another shard, or in two', async () => {
    const { path, spec } = await copyOf('swapped');
    await cp(join(path, shardName(0, 3)), join(path, shardName(1, 3)));
    const codes = (await loadSpec(spec)).diagnostics.map(({ code }) => code);
    expect(codes).toEqual(['WGT011', 'WGT012']);
  });

  it('follows a link of a shard where the user named the checkpoint, not where the spec did', async () => {
    const { path, spec } = await copyOf('linked');
    const outside = join(folder, 'outside.safetensors');
    await cp(join(path, shardName(2, 3)), outside);
    await rm(join(path, shardName(2, 3)));
    await symlink(outside, join(path, shardName(2, 3)));
    expect((await loadSpec(spec)).diagnostics.map(({ code }) => code)).toEqual(['WGT010']);
    expect((await loadSpec(spec, { weights: path })).diagnostics).toEqual([]);
  });

  it('takes less than a second for 140 GB in 30 files', async () => {
    const path = join(folder, 'large');
    await mkdir(path);
    const [hidden, layers, rows] = [8192, 30, 285_000];
    const map: Record<string, string> = {};
    for (let shard = 0; shard < layers; shard++) {
      const tensors = Object.fromEntries(
        Array.from({ length: 80 }, (_, index) => [`t.${shard}.${index}`, (hidden * rows) / 80] as const),
      );
      await writeSparse(join(path, shardName(shard, layers)), tensors);
      for (const tensor of Object.keys(tensors)) map[tensor] = shardName(shard, layers);
    }
    await writeFile(join(path, indexName), JSON.stringify({ weight_map: map }));
    const spec = join(path, 'spec.yaml');
    await writeFile(spec, `${attention('q_heads: 8', 'head_dim: 64')}weights: { file: ${indexName} }\n`);
    const start = performance.now();
    const { diagnostics } = await loadSpec(spec);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^2400 tensors of the checkpoint are not used/),
    ]);
  });
});

/** Headers and holes: F16 vectors of so many elements. */
async function writeSparse(path: string, elements: Readonly<Record<string, number>>): Promise<void> {
  let offset = 0;
  const entries = Object.entries(elements).map(([tensor, count]) => {
    const start = offset;
    offset += count * 2;
    return [tensor, { dtype: 'F16', shape: [count], data_offsets: [start, offset] }] as const;
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = new Uint8Array(new BigUint64Array([BigInt(header.byteLength)]).buffer);
  const file = await open(path, 'w');
  await file.writev([length, header]);
  await file.truncate(8 + header.byteLength + offset);
  await file.close();
}
