import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/cli/commands/export.ts';
import { configText } from '../../src/compiler/export/hf/config-text.ts';
import { exportHf } from '../../src/compiler/export/hf/export-hf.ts';
import { importHf } from '../../src/compiler/import/hf/import-hf.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

function shapedOf(text: string) {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(`refused: ${JSON.stringify(diagnostics)}`);
  return shaped;
}

const cases = 'test/golden/cases/hf-model';

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

/** One model of each type that `examples/models` has. */
const publishedTypes = [
  ['llama-3.1-8b', 'llama'],
  ['mistral-7b-v0.1', 'mistral'],
  ['mixtral-8x7b', 'mixtral'],
  ['qwen2.5-7b', 'qwen2'],
  ['qwen3-8b', 'qwen3'],
  ['qwen3-30b-a3b', 'qwen3_moe'],
  ['gemma-2b', 'gemma'],
  ['gemma-2-27b', 'gemma2'],
  ['gemma-3-1b', 'gemma3_text'],
  ['phi-2', 'phi'],
  ['phi-3-mini-4k', 'phi3'],
  ['pythia-70m', 'gpt_neox'],
  ['gpt-j-6b', 'gptj'],
  ['gpt-neo-125m', 'gpt_neo'],
  ['gpt2', 'gpt2'],
  ['starcoder', 'gpt_bigcode'],
  ['opt-350m', 'opt'],
  ['bloom-560m', 'bloom'],
  ['falcon-7b', 'falcon'],
  ['falcon-40b', 'falcon'],
  ['falcon-rw-1b', 'falcon'],
  ['mpt-7b', 'mpt'],
  ['stablelm-2-1.6b', 'stablelm'],
  ['starcoder2-3b', 'starcoder2'],
  ['olmo-1b', 'olmo'],
  ['olmo-2-1b', 'olmo2'],
  ['aya-23-8b', 'cohere'],
  ['command-r7b', 'cohere2'],
  ['glm-4-9b-0414', 'glm4'],
  ['smollm3-3b', 'smollm3'],
  ['gpt-oss-20b', 'gpt_oss'],
  ['deepseek-v3', 'deepseek_v3'],
  ['bert-base-uncased', 'bert'],
  ['distilbert-base-uncased', 'distilbert'],
] as const;

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

  it.each(publishedTypes)('of %s has the type %s that it was imported from', async (name, type) => {
    const shaped = shapedOf(await readFile(`examples/models/${name}.gqa.yaml`, 'utf8'));
    expect(exportHf(shaped, type)).toMatchObject({ kind: 'config', type, sameNames: true });
  });

  it('of every config of the reference cases mean the same when they are imported again, or say what would differ', async () => {
    const refused: string[] = [];
    for (const name of await readdir(cases)) {
      const config = JSON.parse(await readFile(join(cases, name, 'config.json'), 'utf8')) as {
        readonly model_type: string;
      };
      const exported = exportHf(specOf(config), config.model_type);
      if (exported.kind === 'refused') refused.push(`${name}: ${exported.nearest?.differences[0]}`);
    }
    expect(refused).toEqual([
      expect.stringMatching(/^falcon_new_one_norm: /),
      expect.stringMatching(/^gpt2_inverse_layer: attention\.scale: /),
    ]);
  });

  it('have the fields that transformers reads, and floats where it takes nothing else', () => {
    const fieldsOf = (config: Readonly<Record<string, unknown>>) => {
      const exported = exportHf(specOf(config), String(config.model_type));
      return exported.kind === 'config' ? exported.config : expect.fail(JSON.stringify(exported));
    };
    const neox = fieldsOf({ model_type: 'gpt_neox', ...small, rotary_emb_base: 500, rotary_pct: 1 });
    expect(neox).toMatchObject({ rotary_emb_base: 500, rotary_pct: 1 });
    expect(neox).not.toHaveProperty('rope_theta');
    const layers = ['local', 'global', 'local'];
    const neo = { model_type: 'gpt_neo', vocab_size: 97, hidden_size: 64, num_layers: 3, num_heads: 4 };
    expect(fieldsOf({ ...neo, attention_types: [[layers, 1]] })).toMatchObject({ attention_types: [[layers, 1]] });
    const factors = Array.from({ length: 8 }, () => 2);
    const phi = fieldsOf({
      model_type: 'phi3',
      ...small,
      original_max_position_embeddings: 16,
      rope_scaling: { type: 'longrope', short_factor: factors, long_factor: factors },
    });
    expect(phi).toMatchObject({ original_max_position_embeddings: 16, pad_token_id: null });
    const gemma = fieldsOf({ model_type: 'gemma2', ...small, final_logit_softcapping: 20, sliding_window: 8 });
    expect(configText(gemma)).toContain('"final_logit_softcapping": 20.0,\n');
    expect(configText(gemma)).toContain('"vocab_size": 97,\n');
    expect(JSON.parse(configText(gemma))).toEqual(gemma);
  });

  it('have their type found out by tensor names, too', async () => {
    const shaped = shapedOf(await readFile('examples/models/pythia-70m.gqa.yaml', 'utf8'));
    expect(exportHf(shaped)).toMatchObject({ kind: 'config', type: 'gpt_neox', sameNames: true });
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
      'pad_token_id',
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
