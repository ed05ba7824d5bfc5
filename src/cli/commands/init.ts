import type { Command } from 'commander';
import { exitCodes, InputError } from '../output.ts';

interface InitFlags {
  readonly name: string;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('init')
    .description('write a spec to begin with, with comments that explain it')
    .argument(
      '[file]',
      'spec.yaml, or a name that ends in .gqa for the other syntax; - for standard output',
      'spec.yaml',
    )
    .option('--name <name>', 'name of the module', 'model')
    .option('--force', 'overwrite an existing file')
    .action(async (file: string, flags: InitFlags) => {
      process.exitCode = await runInit(file, flags);
    });
}

async function runInit(file: string, { name, force }: InitFlags): Promise<number> {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(name))
    throw new InputError(`--name ${name} is no name: a letter, then at most 62 letters, digits or underscores`);
  const yaml = starter(name);
  const text = file.endsWith('.gqa') ? await inDsl(yaml) : yaml;
  if (file === '-') {
    process.stdout.write(text);
    return exitCodes.clean;
  }
  const { writeNew } = await import('../files/replace-file.ts');
  await writeNew(file, text, force ?? false);
  process.stderr.write(`${file}: next, gqac check ${file}, then gqac build ${file}\n`);
  return exitCodes.clean;
}

async function inDsl(yaml: string): Promise<string> {
  const { formatSpec } = await import('../../compiler/syntax/format.ts');
  const { collectDiagnostics } = await import('../../compiler/diagnostics/report.ts');
  const { report } = collectDiagnostics();
  const formatted = await formatSpec({ path: 'starter', text: yaml }, { from: 'yaml', to: 'dsl' }, report);
  if (formatted.kind !== 'text') throw new Error('the starter is a spec in both syntaxes');
  return formatted.text;
}

/** A small decoder of today's kind. Every option is documented in docs/options.md. */
function starter(name: string): string {
  return `# A decoder with grouped-query attention: 8 query heads share 2 key/value heads.
gqac: 1
name: ${name}
model:
  vocab: 32000
  hidden: 512
  layers: 8
  context: 2048 # tokens of the longest sequence
  tie_embeddings: true
  norm: { kind: rms, eps: 1e-6 }
mlp: { kind: gated, activation: silu, width: 1408 }
attention:
  q_heads: 8
  kv_heads: 2 # must divide q_heads; left out, as many as q_heads
  # head_dim: 64 # by default hidden / q_heads
  qk_norm: { kind: rms }
  rope: { base: 10000, pairing: half } # interleaved: GPT-J, x-transformers
  mask: { causal: true } # window: 512 for the last 512 tokens only
  cache: { dtype: f16 }
# weights:
#   file: model.safetensors # beside this file; its tensors are compared with the spec
#   names: { embed.weight: model.embed_tokens.weight }
`;
}
