import type { Command } from 'commander';
import { exitCodes, InputError } from '../output.ts';
import { printDiagnostics } from '../reports/print-findings.ts';

interface QuantizeFlags {
  readonly output: string;
  readonly weights?: string;
  readonly syntax?: string;
  readonly attention?: string;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('quantize')
    .description('write the checkpoint of a spec packed: its matrices as the integers that the spec asks for')
    .argument('<spec>', 'spec file with `weights: { dtype: int4 }` or int8, or - for standard input')
    .requiredOption('-o, --output <file>', 'a .safetensors file to write')
    .option('--weights <path>', 'checkpoint, instead of the one that the spec names')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--force', 'overwrite an existing file')
    .action(async (path: string, flags: QuantizeFlags) => {
      const { interruptible } = await import('../interrupt.ts');
      process.exitCode = await interruptible((signal) => quantize(path, flags, signal));
    });
}

/** Exit code: 0 written, 1 the spec has errors. */
async function quantize(path: string, flags: QuantizeFlags, signal: AbortSignal): Promise<number> {
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const { shaped, diagnostics, weightsPath } = await loadSpec(path, loadOptions(flags));
  await printDiagnostics(diagnostics);
  if (shaped === undefined) return exitCodes.findings;
  const [quantized] = shaped.weights.flatMap(({ quantization }) => quantization ?? []);
  if (quantized === undefined)
    throw new InputError(`${path} does not ask for integers: write \`weights: { dtype: int4 }\`, or int8`);
  if (weightsPath === undefined)
    throw new InputError(`${path} has no checkpoint: name it as \`weights.file\`, or give it with --weights`);
  const { compileModule } = await import('../../compiler/compile.ts');
  const { openCheckpoint } = await import('../../node/checkpoint-file.ts');
  const { planPacking, writePacked } = await import('../../node/pack-checkpoint.ts');
  const { formatBytes } = await import('../../runtime/abi1/errors.ts');
  const { progressBar } = await import('../reports/progress-bar.ts');
  const { writeNewByParts } = await import('../files/replace-file.ts');
  const file = await openCheckpoint(weightsPath);
  const bar = progressBar(process.stderr, 'quantizing');
  try {
    const plan = planPacking(compileModule(shaped).definition.weights, quantized, file);
    let size = 0;
    await writeNewByParts(
      flags.output,
      async (handle) => {
        size = await writePacked(plan, handle, bar.show, signal);
      },
      flags.force ?? false,
    );
    bar.end();
    const given = [...file.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
    process.stdout.write(`${flags.output}: ${formatBytes(size)}, of ${formatBytes(given)}\n`);
    return exitCodes.clean;
  } finally {
    bar.end();
    await file.close();
  }
}
