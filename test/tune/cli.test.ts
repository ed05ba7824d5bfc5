import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/commands/tune.ts';
import { readProfile } from '../../src/compiler/plan/profiles/file.ts';
import { NoGpuError } from '../../src/runtime/abi1/index.ts';
import { runCommand } from '../cli/run-command.ts';

let folder: string;
let spec: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-tune-'));
  spec = join(folder, 'spec.yaml');
  await writeFile(spec, 'gqac: 1\nname: small\nattention: { q_heads: 4, kv_heads: 2, head_dim: 16 }\n');
});
afterAll(() => rm(folder, { recursive: true }));

const tune = (...args: readonly string[]) => runCommand(register, 'tune', ...args);

describe('gqac tune', () => {
  it('writes a profile that is read again, and says where it comes from', async () => {
    const path = join(folder, 'here.json');
    const { code, out } = await tune(spec, '-o', path, '--tokens', '8', '--keys', '8', '--time', '1');
    expect(code).toBe(0);
    expect(out).toMatch(/^adapter: /);
    const file = JSON.parse(await readFile(path, 'utf8'));
    expect(readProfile(file)).toMatchObject({ profile: { id: 'here' } });
    expect(file.measured).toMatchObject({
      calls: { small: { tokens: 8, keys: 8 } },
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    });
    expect(await readdir(folder)).toEqual(['here.json', 'spec.yaml']);
  });

  it('warns that an adapter which computes on the CPU says nothing of a GPU', async () => {
    const { err } = await tune(spec, '--tokens', '8', '--keys', '8', '--time', '1', '--format', 'json');
    expect(err).toMatch(/^(warning: .+ computes on the CPU: what is fastest here says nothing of a GPU\n)?$/);
  });

  it.each([
    [['--time', '0'], '--time 0 is not an integer from 1 to 86400'],
    [['--tokens', '1'], '--tokens 1 is not an integer from 2 to'],
    [['--format', 'xml'], '--format xml is not known: use human or json'],
    [['-o', 'my profile.json'], 'a profile is a file such as my-gpu.json'],
    [['--target', 'all'], '--target all: one profile is tuned at a time'],
    [['--target', 'nothing'], '--target nothing is not known'],
  ])('refuses %j as usage', async (args, message) => {
    await expect(tune(spec, ...args)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining(message),
    });
  });

  it('prints findings, and exits 1, for a spec that is wrong', async () => {
    const bad = join(folder, 'bad.txt');
    await writeFile(bad, 'gqac: 1\nname: small\nattention: { q_heads: 4, kv_heads: 3, head_dim: 16 }\n');
    const { code, out, err } = await tune(bad);
    await rm(bad);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('GQA001');
  });

  it('ends with 4 without a GPU', async () => {
    vi.doMock('../../src/node/adapter.ts', () => ({
      adapterMode: () => 'gpu',
      openDevice: () => Promise.reject(new NoGpuError('no usable GPU adapter: none here')),
    }));
    await expect(tune(spec)).rejects.toThrow('no usable GPU adapter');
    vi.doUnmock('../../src/node/adapter.ts');
  });
});
