import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { register } from '../../src/cli/commands/table.ts';
import { runCommand } from '../cli/run-command.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-table-'));
});
afterEach(() => rm(folder, { recursive: true }));

const table = (...args: readonly string[]) => runCommand(register, 'table', ...args);

const names = (out: string) => JSON.parse(out).map(({ name }: { name: string }) => name);
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
    const { code, out } = await table(folder, '--format', 'json');
    expect(code).toBe(0);
    expect(names(out)).toEqual(['one', 'b', 'two']);
  });

  it('leaves a model with errors out, says why, and exits 1', async () => {
    await write('bad.gqa.yaml', spec('bad', 3));
    await write('good.gqa.yaml', spec('good'));
    await write('odd/config.json', { ...config, model_type: 'minimind', mlp_bias: true });
    const { code, out, err } = await table(folder, '--format', 'json');
    expect(code).toBe(1);
    expect(names(out)).toEqual(['good']);
    expect(err).toContain('error[GQA001]');
    expect(err).toContain('error[IMP002]: mlp_bias');
  });

  it.each([
    ['an unknown format', ['examples', '--format', 'xml'], /use markdown, csv, json, html/],
    ['a folder without models', ['test/facts'], /no specs and no configs/],
    ['a file that is not there', ['nowhere.yaml'], /no such file/],
  ])('refuses %s', async (_, args, message) => {
    await expect(table(...args)).rejects.toThrow(message);
  });
});
