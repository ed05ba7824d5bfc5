import type { Command } from 'commander';
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { TargetProfile } from '../../compiler/plan/profiles/profiles.ts';
import type { Checkpoint } from '../../runtime/abi1/index.ts';
import type { VerifyEntry, VerifyReport } from '../../verify/verify-module.ts';
import { exitCodes, InputError, readNumber } from '../output.ts';
import { printDiagnostics } from '../reports/print-findings.ts';

interface VerifyFlags {
  readonly weights?: string;
  readonly target: string;
  readonly syntax?: string;
  readonly attention?: string;
  readonly tokens: string;
  readonly seed: string;
  readonly format: string;
}

export function register(program: Command): void {
  program
    .command('verify')
    .description('run every kernel of a spec on this machine’s adapter against the f64 reference, and print each error')
    .argument('<spec>', 'spec file, or - for standard input')
    .option('--weights <path>', 'checkpoint; by default the one that the spec names, else random weights')
    .option('--target <target>', 'variants to run: baseline, f16, …, nvidia-h100, all, or a PROFILE.json', 'all')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--tokens <n>', 'tokens of the longest prompt', '24')
    .option('--seed <n>', 'seed of random inputs and weights', '1')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--format <format>', 'human or json', 'human')
    .action(async (path: string, flags: VerifyFlags) => {
      process.exitCode = await runVerify(path, flags);
    });
}

/** Exit code: 0 every kernel is within its tolerance, 1 one is not or the spec has errors, 4 no usable GPU. */
async function runVerify(path: string, flags: VerifyFlags): Promise<number> {
  if (flags.format !== 'human' && flags.format !== 'json') {
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  }
  const tokens = readNumber('--tokens', flags.tokens, 2, 4096);
  const seed = readNumber('--seed', flags.seed, 0, 2 ** 32 - 1);
  const { targetsOf } = await import('../targets.ts');
  const targets = await targetsOf(flags.target);
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const { shaped, diagnostics, weightsPath } = await loadSpec(path, loadOptions(flags));
  await printDiagnostics(diagnostics);
  if (shaped === undefined) return exitCodes.findings;
  return onAdapter(shaped, weightsPath, { tokens, seed, format: flags.format, targets });
}

interface RunOptions {
  readonly tokens: number;
  readonly seed: number;
  readonly format: 'human' | 'json';
  readonly targets: readonly TargetProfile[];
}

async function onAdapter(shaped: ShapedSpec, weightsPath: string | undefined, options: RunOptions): Promise<number> {
  const { openDevice } = await import('../../node/adapter.ts');
  const { describeAdapter } = await import('../../node/adapter-description.ts');
  const { pollFor } = await import('../../node/polling.ts');
  const { CheckpointError, NoGpuError, UsageError } = await import('../../runtime/abi1/errors.ts');
  const { compileModule } = await import('../../compiler/compile.ts');
  const { verifyModule } = await import('../../verify/verify-module.ts');
  try {
    const { device, description } = await openDevice();
    pollFor(description);
    const checkpoint = await checkpointFor(shaped, weightsPath, options.seed);
    const { tokens, seed, targets } = options;
    const report = await verifyModule(shaped, compileModule(shaped, targets), { device, checkpoint, tokens, seed });
    await checkpoint.close();
    device.destroy();
    if (report.entries.length === 0)
      throw new InputError(
        report.skipped.map(({ variant, reason }) => `${variant} is not run here: ${reason}`).join('\n'),
      );
    const facts = { adapter: describeAdapter(description), weights: checkpoint.name };
    print(report, facts, options.format);
    return report.entries.every(({ passed }) => passed) ? exitCodes.clean : exitCodes.findings;
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof UsageError) throw new InputError(error.message);
    if (!(error instanceof NoGpuError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return exitCodes.noGpu;
  }
}

async function checkpointFor(shaped: ShapedSpec, path: string | undefined, seed: number): Promise<Checkpoint> {
  if (path === undefined) return (await import('../../verify/random-checkpoint.ts')).randomCheckpoint(shaped, seed);
  return (await import('../../node/checkpoint-file.ts')).openCheckpoint(path);
}

type Facts = Readonly<Record<'adapter' | 'weights', string>>;

function print(report: VerifyReport, facts: Facts, format: 'human' | 'json'): void {
  if (format === 'json') {
    // JSON has no NaN and no infinity: an error that is neither small nor large is null.
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...facts, ...report }, null, 2)}\n`);
    return;
  }
  const out = (line: string) => process.stdout.write(`${line}\n`);
  out(facts.adapter);
  out(`weights ${facts.weights}`);
  for (const { variant, reason } of report.skipped) out(`variant ${variant} is not run here: ${reason}`);
  for (const stage of new Set(report.entries.map(({ variant, stage: one }) => `${variant} ${one}`))) {
    out('');
    const own = report.entries.filter((entry) => `${entry.variant} ${entry.stage}` === stage);
    const width = Math.max(60, ...own.map((entry) => nameOf(entry).length));
    out(`${stage.padEnd(width + 2)} rel. L2  worst row  shape`);
    for (const entry of own) for (const line of linesOf(entry, width)) out(line);
  }
  const failed = report.entries.filter(({ passed }) => !passed).length;
  out('');
  out(`${report.entries.length - failed} within tolerance, ${failed} not`);
}

const nameOf = ({ kernels, tensor }: VerifyEntry) => `${kernels.join(' + ')} → ${tensor}`;

function linesOf(entry: VerifyEntry, width: number): readonly string[] {
  const { shape, relativeL2, worstRow, tolerance, passed } = entry;
  const numbers = `${scientific(relativeL2)}  ${scientific(worstRow).padStart(9)}  [${shape.join(', ')}]`;
  const verdict = passed
    ? ''
    : `  FAIL: allowed ${scientific(tolerance.relativeL2)}, worst row ${scientific(tolerance.worstRow)}`;
  return [`  ${nameOf(entry).padEnd(width)} ${numbers}${verdict}`, ...entry.details.map((detail) => `    ${detail}`)];
}

const scientific = (value: number) => (value === 0 ? '0' : value.toExponential(1)).padStart(7);
