import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/commands/verify.ts';
import { NoGpuError } from '../../src/runtime/abi1/index.ts';
import { runCommand } from '../cli/run-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function specFile(text: string): Promise<string> {
  const path = join(folder, 'spec.yaml');
  await writeFile(path, `gqac: 1\nname: small\n${text}\n`);
  return path;
}

const verify = (...args: readonly string[]) => runCommand(register, 'verify', ...args);

const attention =
  'attention: { q_heads: 4, kv_heads: 2, head_dim: 8, memory_kv: { slots: 2 }, mask: { causal: true } }';

describe('gqac verify', () => {
  it('prints the adapter, the weights and the error of each kernel', async () => {
    const { code, out } = await verify(await specFile(attention), '--tokens', '5');
    expect(code).toBe(0);
    expect(out).toMatch(/^adapter/);
    expect(out).toContain('weights random weights of seed 1\n');
    expect(out).toMatch(/attention_tile_h4_kv2_d8_m2_causal → out +\d\.\de-\d+ +\d\.\de-\d+ +\[2, 5, 4, 8\]\n/);
    expect(out).toMatch(/attention_split_h4_kv2_d8_m2_causal \+ attention_combine_4x8 → out/);
    expect(out).toMatch(/\n\d+ within tolerance, 0 not\n$/);
  });

  it('runs the variant that is asked for', async () => {
    const { code, out } = await verify(await specFile(attention), '--tokens', '5', '--target', 'baseline');
    expect(code).toBe(0);
    expect(out).not.toContain('is not run here');
    expect(out).toContain('baseline prefill');
  });

  it('prints JSON', async () => {
    const { code, out } = await verify(await specFile(attention), '--format', 'json', '--seed', '9');
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ schemaVersion: 1, weights: 'random weights of seed 9' });
    for (const entry of report.entries) expect(entry).toMatchObject({ passed: true, relativeL2: expect.any(Number) });
  });

  it('prints findings, and exits 1, for a spec that is wrong', async () => {
    const { code, out, err } = await verify(await specFile('attention: { q_heads: 4, kv_heads: 3, head_dim: 8 }'));
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('GQA001');
  });

  it.each([
    [['--tokens', '1'], '--tokens 1 is not an integer from 2 to 4096'],
    [['--seed', '-1'], '--seed -1 is not an integer from 0 to 4294967295'],
    [['--format', 'xml'], '--format xml is not known: use human or json'],
    [['--weights', 'nowhere.safetensors'], 'nowhere.safetensors'],
    [['--target', 'h100'], '--target h100 is not known: use matrix, subgroups, f16, baseline, nvidia-h100'],
    [['--target', 'nvidia-h100'], 'nvidia-h100 is not run here: variant nvidia-h100 needs '],
  ])('refuses %j as usage', async (args, message) => {
    const path = await specFile(attention);
    await expect(verify(path, ...args)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining(message),
    });
  });

  it('exits 4 without a GPU', async () => {
    vi.doMock('../../src/node/adapter.ts', () => ({
      openDevice: () => Promise.reject(new NoGpuError('no usable GPU adapter: none here')),
    }));
    const { code, err } = await verify(await specFile(attention));
    vi.doUnmock('../../src/node/adapter.ts');
    expect(code).toBe(4);
    expect(err).toBe('error: no usable GPU adapter: none here\n');
  });
});
