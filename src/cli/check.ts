import type { Command } from 'commander';
import type { Diagnostic } from '../compiler/diagnostics/diagnostic.ts';
import { countOf, exitCodes, InputError, paletteFor } from './output.ts';
import type { LoadedSpec } from './spec-files.ts';

interface CheckFlags {
  readonly weights?: string;
  readonly format: string;
  readonly maxWarnings?: string;
}

export function register(program: Command): void {
  program
    .command('check')
    .description('check specs, and the checkpoints that they name')
    .argument('<path...>', 'spec files, folders to search for spec.yaml and *.gqa.yaml, or - for standard input')
    .option('--weights <file>', 'checkpoint to check the spec against')
    .option('--format <format>', 'human or json', 'human')
    .option('--max-warnings <n>', 'fail when there are more warnings than this')
    .action(async (paths: readonly string[], flags: CheckFlags) => {
      process.exitCode = await runCheck(paths, flags);
    });
}

/** Exit code: 0 clean, 1 findings. Every spec is checked before an input that cannot be read is reported. */
async function runCheck(paths: readonly string[], flags: CheckFlags): Promise<number> {
  const allowedWarnings = readLimit(flags.maxWarnings);
  if (flags.format !== 'human' && flags.format !== 'json') {
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  }
  const { findSpecs, loadSpec } = await import('./spec-files.ts');
  const specs = await findSpecs(paths);
  if (specs.length === 0) throw new InputError(`no spec.yaml or *.gqa.yaml below ${paths.join(', ')}`);
  if (flags.weights !== undefined && specs.length > 1) {
    throw new InputError(`--weights belongs to one spec, there are ${specs.length}`);
  }
  const loaded: LoadedSpec[] = [];
  const unreadable: InputError[] = [];
  for (const path of specs) {
    try {
      loaded.push(await loadSpec(path, flags.weights === undefined ? {} : { weights: flags.weights }));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      unreadable.push(error);
    }
  }
  const diagnostics = loaded.flatMap((spec) => spec.diagnostics);
  await print(diagnostics, loaded.length, flags.format);
  if (unreadable.length > 0) throw new InputError(unreadable.map(({ message }) => message).join('\n'));
  return exitCodeFor(diagnostics, allowedWarnings);
}

async function print(diagnostics: readonly Diagnostic[], files: number, format: 'human' | 'json'): Promise<void> {
  if (format === 'json') {
    const { jsonReport } = await import('../compiler/diagnostics/render-json.ts');
    process.stdout.write(`${JSON.stringify(jsonReport(diagnostics, files), null, 2)}\n`);
    return;
  }
  const { renderAll } = await import('../compiler/diagnostics/render-text.ts');
  if (diagnostics.length > 0) process.stderr.write(renderAll(diagnostics, paletteFor(process.stderr)));
  else if (files > 0) process.stderr.write(`${countOf(files, 'spec')} checked, no findings\n`);
}

function exitCodeFor(diagnostics: readonly Diagnostic[], allowedWarnings: number): number {
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning').length;
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
  return hasErrors || warnings > allowedWarnings ? exitCodes.findings : exitCodes.clean;
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,9}$/.test(text)) throw new InputError(`--max-warnings ${text} is not a count: use 0 or more`);
  return Number(text);
}
