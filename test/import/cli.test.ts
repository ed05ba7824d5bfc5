import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runImport } from '../../src/cli/commands/import.ts';
import { InputError } from '../../src/cli/output.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';

let folder: string;
let stderr: string;
let stdout: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-import-'));
  stderr = '';
  stdout = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

async function config(value: unknown): Promise<string> {
  const path = join(folder, 'tiny.json');
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

const good = { kwargs: { dim: 64, kv_heads: 2 } };

describe('gqac import', () => {
  it('prints the spec, and what it assumed beside it', async () => {
    expect(await runImport(await config(good), {})).toBe(0);
    expect(stdout).toContain('# imported by gqac from tiny.json\ngqac: 1\nname: tiny\n');
    expect(stderr).toContain('info[IMP003]: convention assumed');
  });

  it('writes a file once, and again only when forced', async () => {
    const output = join(folder, 'spec.yaml');
    const file = await config(good);
    expect(await runImport(file, { output })).toBe(0);
    await expect(runImport(file, { output, name: 'other' })).rejects.toThrow('--force');
    expect(await readFile(output, 'utf8')).toContain('name: tiny');
    expect(await runImport(file, { output, name: 'other', force: true })).toBe(0);
    expect(await readFile(output, 'utf8')).toContain('name: other');
    expect((await readdir(folder)).sort()).toEqual(['spec.yaml', 'tiny.json']);
  });

  it('writes nothing when an option cannot be expressed, unless asked for a part', async () => {
    const file = await config({ kwargs: { dim: 64, selective: true } });
    expect(await runImport(file, {})).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('error[IMP002]: kwargs.selective');
    expect(await runImport(file, { partial: true })).toBe(0);
    expect(stdout).toContain('# not expressed: kwargs.selective');
  });

  it.each([
    ['a missing file', undefined, {}],
    ['no JSON', '{', {}],
    ['an unknown system', good, { from: 'keras' }],
  ])('refuses %s', async (_, value, flags) => {
    const file = value === undefined ? join(folder, 'none.json') : await config(value);
    await expect(runImport(file, flags)).rejects.toThrow(InputError);
  });

  it('reads JSON with a byte order mark, and shows no bytes of what is none', async () => {
    const file = await config(good);
    await writeFile(file, `\uFEFF${JSON.stringify(good)}`);
    expect(await runImport(file, {})).toBe(0);
    await writeFile(file, '\u001b[31mred\n');
    await expect(runImport(file, {})).rejects.toThrow(/^\P{C}*tiny\.json is not JSON: \P{C}+$/u);
  });

  it('exits 1 for a config of no known system', async () => {
    expect(await runImport(await config({ hidden: 64 }), {})).toBe(1);
    expect(stderr).toContain('IMP006');
  });

  describe('of a folder as a model is published in', () => {
    const llama = {
      model_type: 'llama',
      vocab_size: 9,
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 12,
    };

    async function publish(tensor: string): Promise<void> {
      await writeFile(join(folder, 'config.json'), JSON.stringify(llama));
      const bytes = writeSafetensors([{ name: tensor, dtype: 'F32', shape: [9, 8], bytes: new Uint8Array(288) }]);
      await writeFile(join(folder, 'model.safetensors'), bytes);
    }

    it('takes names and the file from the checkpoint beside the config', async () => {
      await publish('embed_tokens.weight');
      expect(await runImport(folder, {})).toBe(0);
      expect(stdout).toContain('file: model.safetensors');
      expect(stdout).toContain('embed.weight: embed_tokens.weight');
      expect(stdout).toContain('layers.{i}.attn.q.weight: layers.{i}.self_attn.q_proj.weight');
    });

    it('takes published names where there is none, and names no file for a spec elsewhere', async () => {
      await publish('language_model.model.embed_tokens.weight');
      const output = join(folder, 'below', 'spec.yaml');
      await mkdir(join(folder, 'below'));
      expect(await runImport(join(folder, 'config.json'), { output })).toBe(0);
      const spec = await readFile(output, 'utf8');
      expect(spec).not.toContain('file:');
      expect(spec).toContain('embed.weight: language_model.model.embed_tokens.weight');
      await rm(join(folder, 'model.safetensors'));
      expect(await runImport(folder, {})).toBe(0);
      expect(stdout).toContain('embed.weight: model.embed_tokens.weight');
    });
  });
});
