import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/commands/run.ts';
import { InputError } from '../../src/cli/output.ts';
import { openFile } from '../../src/node/file-source.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/index.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { byteLevelTokenizer } from '../text/byte-level.ts';

const example = 'examples/shakespeare-minimind-gqa';
let folder: string;
let stdout: string;
let expected: { readonly prompt: string; readonly greedy: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-run-'));
  expected = JSON.parse(await readFile(`${example}/expected.json`, 'utf8'));
  await shardedCopy();
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  stdout = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** The example as other systems publish models: config, two shards, a byte-level tokenizer and a chat template. */
async function shardedCopy(): Promise<void> {
  const file = await SafetensorsFile.open(await openFile(`${example}/model.safetensors`));
  const tensors = await Promise.all(
    [...file.tensors].map(async ([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
      bytes: await file.readBytes(name),
    })),
  );
  await file.close();
  const shards = [tensors.slice(0, 20), tensors.slice(20)];
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    await writeFile(join(folder, `${i}.safetensors`), writeSafetensors(shard));
    for (const { name } of shard) weightMap[name] = `${i}.safetensors`;
  }
  const characters: string[] = JSON.parse(await readFile(`${example}/vocab.json`, 'utf8'));
  const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  await write('model.safetensors.index.json', { weight_map: weightMap });
  await write('tokenizer.json', byteLevelTokenizer(characters.map((character) => character.charCodeAt(0))));
  await write('tokenizer_config.json', {
    chat_template: "{% for m in messages %}{{ m.content }}{{ '\n' if m.role == 'system' }}{% endfor %}",
  });
  await copyFile(`${example}/config.json`, join(folder, 'config.json'));
}

async function run(...args: string[]): Promise<number> {
  const program = new Command().exitOverride();
  register(program);
  await program.parseAsync(['run', ...args], { from: 'user' });
  return Number(process.exitCode);
}

describe('gqac run', () => {
  it('goes on from a prompt as the reference does', async () => {
    const { prompt, greedy } = expected;
    expect(await run(example, '--prompt', prompt, '--max-tokens', '24')).toBe(0);
    expect(stdout).toBe(`${greedy.slice(prompt.length, prompt.length + 24)}\n`);
  });

  it('runs a published folder: config, shards, tokenizer.json and chat template', async () => {
    const [system, prompt] = expected.prompt.split('\n') as [string, string];
    expect(await run(folder, '--system', system, '--prompt', prompt, '--max-tokens', '12', '--json')).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.text).toBe(expected.greedy.slice(expected.prompt.length, expected.prompt.length + 12));
    expect(report).toMatchObject({ finish: 'length', prompt });
    expect(report.promptTokens).toHaveLength(expected.prompt.length);
    expect(report.tokens).toHaveLength(12);
  });

  it('draws the same text from the same seed', async () => {
    const draw = async (seed: string) => {
      stdout = '';
      await run(
        example,
        '--prompt',
        'A',
        '--temperature',
        '1.5',
        '--top-k',
        '30',
        '--top-p',
        '0.95',
        '--seed',
        seed,
        '--max-tokens',
        '16',
      );
      return stdout;
    };
    const [first, again, other] = [await draw('1'), await draw('1'), await draw('2')];
    expect(first).toBe(again);
    expect(first).not.toBe(other);
  });

  it.each([
    [
      'a prompt longer than the context',
      [example, '--prompt', 'a'.repeat(257)],
      /257 tokens, the model's context is 256/,
    ],
    ['a prompt longer than the cache', [example, '--prompt', 'aaa', '--context', '2'], /3 tokens, the cache holds 2/],
    ['an empty prompt', [example, '--prompt', ''], /prompt is empty/],
    ['a character without a token', [example, '--prompt', 'é'], /U\+00E9/],
    ['a system message without a template', [example, '--prompt', 'a', '--system', 'b'], /chat template/],
    ['a folder without a model', ['test/run', '--prompt', 'a'], /neither a spec .* nor a config\.json/],
    ['no such folder', ['test/nowhere', '--prompt', 'a'], /no such file/],
    ['--top-p 0', [example, '--prompt', 'a', '--top-p', '0'], /above 0 and at most 1/],
    ['--json without a prompt', [example, '--json'], /--json needs --prompt/],
  ])('refuses %s', async (_, args, message) => {
    const error = await run(...args).then(
      () => expect.fail('was accepted'),
      (reason: unknown) => reason,
    );
    expect(String(error)).toMatch(message);
    expect(stdout).toBe('');
  });

  it('says when there are no weights, or no tokenizer', async () => {
    const bare = await mkdtemp(join(folder, 'bare-'));
    await copyFile(`${example}/config.json`, join(bare, 'config.json'));
    await expect(run(bare, '--prompt', 'a')).rejects.toThrow(/no weights/);
    await expect(run(bare, '--weights', `${example}/model.safetensors`, '--prompt', 'a')).rejects.toThrow(InputError);
  });
});
