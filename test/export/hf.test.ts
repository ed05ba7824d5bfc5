import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/export.ts';
import { exportHf } from '../../src/compiler/export/hf/export-hf.ts';
import { importHf } from '../../src/compiler/import/hf/import-hf.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

function shapedOf(text: string) {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(`refused: ${JSON.stringify(diagnostics)}`);
  return shaped;
}

const specOf = (config: Readonly<Record<string, unknown>>) => shapedOf(printYaml(importHf(config).spec ?? {}));
const small = { vocab_size: 97, hidden_size: 64, num_hidden_layers: 3, num_attention_heads: 4 };

/** Configs of several types, and what they say beyond sizes. */
const configs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  llama: { ...small, num_key_value_heads: 2, attention_bias: true, mlp_bias: true, rms_norm_eps: 1e-5 },
  'llama with scaled frequencies': {
    ...small,
    model_type: 'llama',
    rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 512 },
  },
  mistral: { ...small, num_key_value_heads: 2, sliding_window: 16, head_dim: 24 },
  qwen2: { ...small, num_key_value_heads: 2, use_sliding_window: true, sliding_window: 8, max_window_layers: 1 },
  qwen3: { ...small, num_key_value_heads: 1, head_dim: 32, tie_word_embeddings: true },
  smollm3: { ...small, num_key_value_heads: 2, no_rope_layers: [1, 1, 0] },
};

describe('exported configs', () => {
  it.each(Object.entries(configs))('%s means the same when it is imported again', (name, fields) => {
    const config = { model_type: name, ...fields };
    const shaped = specOf(config);
    const exported = exportHf(shaped, config.model_type as string);
    if (exported.kind !== 'config') return expect.fail(JSON.stringify(exported));
    expect(exported).toMatchObject({ type: config.model_type, sameNames: true });
    const again = specOf(exported.config);
    expect(JSON.stringify([again.model, again.layers, again.weights])).toBe(
      JSON.stringify([shaped.model, shaped.layers, shaped.weights]),
    );
    for (const [field, value] of Object.entries(small)) expect(exported.config).toHaveProperty(field, value);
  });

  it('of published models have the type that they were imported from', async () => {
    const folder = 'examples/models/';
    for (const file of (await readdir(folder)).filter((name) =>
      /^(llama-3.1-8b|qwen2.5-7b|qwen3-8b|smollm3)/.test(name),
    )) {
      const exported = exportHf(shapedOf(await readFile(join(folder, file), 'utf8')));
      expect(exported).toMatchObject({ kind: 'config', sameNames: true });
      const type = exported.kind === 'config' ? exported.type : '';
      expect(file.replace(/[-.]/g, '')).toContain(type);
    }
  });

  it('say nothing that changes nothing', () => {
    const exported = exportHf(specOf({ model_type: 'llama', ...small }));
    expect(exported.kind === 'config' ? Object.keys(exported.config).sort() : []).toEqual([
      'head_dim',
      'hidden_act',
      'hidden_size',
      'intermediate_size',
      'max_position_embeddings',
      'model_type',
      'num_attention_heads',
      'num_hidden_layers',
      'num_key_value_heads',
      'rms_norm_eps',
      'rope_theta',
      'tie_word_embeddings',
      'vocab_size',
    ]);
  });
});

const memory = `gqac: 1
name: memory
model: { vocab: 97, hidden: 64, layers: 2, context: 128, norm: { kind: rms } }
attention: { q_heads: 4, kv_heads: 2, rope: {}, memory_kv: 3, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 96 }
`;

describe('what transformers cannot say', () => {
  it('is refused, with what the nearest type would do instead', () => {
    const exported = exportHf(shapedOf(memory), 'llama');
    expect(exported).toEqual({
      kind: 'refused',
      nearest: { type: 'llama', differences: ['attention.columns.memory: 3, theirs 0'] },
    });
  });

  it('is attention alone, too', () => {
    expect(exportHf(shapedOf('gqac: 1\nname: alone\nattention: { q_heads: 4, head_dim: 8 }'))).toEqual({
      kind: 'refused',
    });
  });
});

describe('gqac export', () => {
  let folder: string;
  let stderr = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gqac-export-'));
    stderr = '';
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

  async function run(...args: string[]): Promise<number> {
    const program = new Command().exitOverride();
    register(program);
    await program.parseAsync(['export', ...args], { from: 'user' });
    return Number(process.exitCode);
  }

  it('writes a config, but not over another', async () => {
    const file = join(folder, 'config.json');
    const args = ['examples/models/llama-3.2-1b.gqa.yaml', '--to', 'hf', '-o', file];
    expect(await run(...args)).toBe(0);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      model_type: 'llama',
      num_key_value_heads: 8,
      head_dim: 64,
      tie_word_embeddings: true,
      rope_scaling: { rope_type: 'llama3', factor: 32, original_max_position_embeddings: 8192 },
    });
    await expect(run(...args)).rejects.toThrow('exists');
  });

  it('says what cannot be said, and exits 1', async () => {
    const file = join(folder, 'memory.gqa.yaml');
    await writeFile(file, memory);
    expect(await run(file, '--to', 'hf')).toBe(1);
    expect(stderr).toContain('columns.memory: 3, theirs 0');
  });

  it.each([
    [['--to', 'keras'], '--to keras is not known'],
    [['--to', 'hf', '--type', 'lama'], '--type lama is not known'],
  ])('refuses %j', async (args, message) => {
    await expect(run('examples/shakespeare-minimind-gqa', ...args)).rejects.toThrow(message);
  });
});
