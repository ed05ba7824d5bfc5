import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/table.ts';

let folder: string;
let stdout: string;
let stderr: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-table-'));
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = 0;
  await rm(folder, { recursive: true });
});

async function table(...args: string[]): Promise<number> {
  const program = new Command().exitOverride();
  register(program);
  await program.parseAsync(['table', ...args], { from: 'user' });
  return Number(process.exitCode);
}

const names = () => JSON.parse(stdout).map(({ name }: { name: string }) => name);
const spec = (name: string, kvHeads = 1) =>
  `gqac: 1\nname: ${name}\nattention: { q_heads: 4, kv_heads: ${kvHeads}, head_dim: 8 }\n`;
const config = {
  model_type: 'minimind',
  hidden_size: 16,
  num_hidden_layers: 1,
  vocab_size: 10,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 32,
};
const write = async (path: string, content: unknown) => {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
};

describe('gqac table', () => {
  it('takes specs and configs of folders, a spec rather than the config beside it', async () => {
    await write('a/spec.yaml', spec('one'));
    await write('a/config.json', config);
    await write('b/config.json', config);
    await write('b/tokenizer.json', { model: {} });
    await write('two.gqa.yaml', spec('two'));
    expect(await table(folder, '--format', 'json')).toBe(0);
    expect(names()).toEqual(['one', 'b', 'two']);
  });

  it('leaves a model with errors out, says why, and exits 1', async () => {
    await write('bad.gqa.yaml', spec('bad', 3));
    await write('good.gqa.yaml', spec('good'));
    await write('odd/config.json', { ...config, model_type: 'minimind', mlp_bias: true });
    expect(await table(folder, '--format', 'json')).toBe(1);
    expect(names()).toEqual(['good']);
    expect(stderr).toContain('error[GQA001]');
    expect(stderr).toContain('error[IMP002]: mlp_bias');
  });

  it.each([
    ['an unknown format', ['examples', '--format', 'xml'], /use markdown, csv, json, html/],
    ['a folder without models', ['test/facts'], /no specs and no configs/],
    ['a file that is not there', ['nowhere.yaml'], /no such file/],
  ])('refuses %s', async (_, args, message) => {
    await expect(table(...args)).rejects.toThrow(message);
    expect(stdout).toBe('');
  });
});
