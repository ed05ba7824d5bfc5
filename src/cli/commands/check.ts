import type { Command } from 'commander';
import type { LintReport } from '../../compiler/diagnostics/lint-report.ts';
import type { LintFormat } from '../lint/lint-output.ts';
import type { LintedSpec, LintedSpecs } from '../lint/lint-specs.ts';
import { countOf, exitCodes, InputError } from '../output.ts';

interface CheckFlags {
  readonly weights?: string;
  readonly syntax?: string;
  readonly format: string;
  readonly maxWarnings?: string;
  readonly strict?: boolean;
  readonly shards?: string;
  readonly target?: string;
  readonly fix?: boolean;
  readonly dryRun?: boolean;
  readonly baseline?: string;
  readonly writeBaseline?: string;
}

export function register(program: Command): void {
  program
    .command('check')
    .description('check specs, and the checkpoints that they name')
    .argument('<path...>', 'spec files, folders to search for specs, or - for standard input')
    .option('--weights <path>', 'checkpoint to check the spec against')
    .option('--syntax <syntax>', 'yaml or dsl: what the specs are in; by default a name or first line says so')
    .option('--format <format>', formats.join(', '), 'human')
    .option('--strict', 'fail on warnings')
    .option('--max-warnings <n>', 'fail when there are more warnings than this')
    .option('--shards <n>', 'check that the heads can be spread over so many devices')
    .option(
      '--target <target>',
      'check that it runs on a target: baseline, f16, …, nvidia-h100, all of them, or a PROFILE.json',
    )
    .option('--fix', 'make the changes that are safe, then report what is left')
    .option('--dry-run', 'with --fix: print the changes, and make none')
    .option('--baseline <file>', 'leave out the findings of this file')
    .option('--write-baseline <file>', 'write the findings into a baseline')
    .action(async (paths: readonly string[], flags: CheckFlags) => {
      process.exitCode = await runCheck(paths, flags);
    });
}

const formats: readonly LintFormat[] = ['human', 'json', 'sarif', 'github', 'junit'];

/** Exit code: 0 clean, 1 findings. Every spec is checked before an input that cannot be read is reported. */
async function runCheck(paths: readonly string[], flags: CheckFlags): Promise<number> {
  const format = formats.find((name) => name === flags.format);
  if (format === undefined)
    throw new InputError(`--format ${flags.format} is not known: use one of ${formats.join(', ')}`);
  const allowedWarnings = readAllowedWarnings(flags);
  const shards = readCount('--shards', flags.shards, 1);
  refuseContradictions(paths, flags, format);
  const { findSpecs, loadOptions } = await import('../files/spec-files.ts');
  const { lintSpecs } = await import('../lint/lint-specs.ts');
  const files = await findSpecs(paths);
  if (files.length === 0)
    throw new InputError(`no specs below ${paths.join(', ')}: they are called spec.yaml, *.gqa.yaml or *.gqa`);
  if (flags.weights !== undefined && files.length > 1) {
    throw new InputError(`--weights belongs to one spec, there are ${files.length}`);
  }
  const linted = await lintSpecs(files, {
    ...loadOptions(flags),
    ...(shards === undefined ? {} : { shards }),
    ...(flags.target === undefined ? {} : { targets: await targetsNamed(flags.target) }),
  });
  const { specs, fixed } = flags.fix ? await fixAll(linted.specs, flags.dryRun === true) : { ...linted, fixed: 0 };
  const report = await reportOn(specs, { fixed, allowedWarnings, baseline: flags.baseline });
  if (flags.writeBaseline !== undefined) return await writeNewBaseline(flags.writeBaseline, report, linted);
  const { printReport } = await import('../lint/lint-output.ts');
  await printReport(report, format);
  refuseUnreadable(linted);
  const hasErrors = report.diagnostics.some(({ severity }) => severity === 'error');
  return hasErrors || report.warningsFail ? exitCodes.findings : exitCodes.clean;
}

/** Plans and kernels are loaded for those who ask only. */
async function targetsNamed(target: string) {
  return (await import('../targets.ts')).targetsOf(target);
}

function refuseContradictions(paths: readonly string[], flags: CheckFlags, format: LintFormat): void {
  if (flags.dryRun && !flags.fix) throw new InputError('--dry-run goes with --fix');
  if (flags.dryRun && format !== 'human') throw new InputError('--dry-run prints a diff: leave out --format');
  if (flags.fix && paths.includes('-')) throw new InputError('--fix changes files: standard input is none');
}

/** Writes what changed, or prints it. */
async function fixAll(specs: readonly LintedSpec[], dryRun: boolean): Promise<{ specs: LintedSpec[]; fixed: number }> {
  const { describeFix, fixSpec } = await import('../lint/fix-spec.ts');
  const left: LintedSpec[] = [];
  let fixed = 0;
  for (const spec of specs) {
    const { spec: after, applied } = fixSpec(spec);
    left.push(after);
    if (applied.length === 0) continue;
    fixed += applied.length;
    if (dryRun) {
      const { unifiedDiff } = await import('../reports/line-diff.ts');
      process.stdout.write(unifiedDiff(spec.path, spec.source.text, after.source.text));
      continue;
    }
    const { replaceFile } = await import('../files/replace-file.ts');
    await replaceFile(spec.path, after.source.text);
    for (const one of applied) process.stderr.write(`${describeFix(one)}\n`);
  }
  return { specs: left, fixed };
}

interface ReportOptions {
  readonly fixed: number;
  readonly allowedWarnings: number;
  readonly baseline: string | undefined;
}

async function reportOn(specs: readonly LintedSpec[], options: ReportOptions): Promise<LintReport> {
  const found = specs.flatMap(({ diagnostics }) => diagnostics);
  const { known, fresh } = await splitByBaseline(options.baseline, found);
  return {
    files: specs.map(({ source }) => source.path),
    diagnostics: fresh,
    ignored: new Map(specs.flatMap(({ ignored }) => [...ignored])),
    known,
    fixed: options.fixed,
    warningsFail: fresh.filter(({ severity }) => severity === 'warning').length > options.allowedWarnings,
  };
}

async function splitByBaseline(path: string | undefined, found: LintReport['diagnostics']) {
  if (path === undefined) return { known: [], fresh: found };
  const { compareWithFile } = await import('../lint/baseline-file.ts');
  const { known, fresh, gone } = await compareWithFile(path, found);
  if (gone > 0)
    process.stderr.write(`${countOf(gone, 'finding')} of ${path} no longer found: --write-baseline updates it\n`);
  return { known, fresh };
}

async function writeNewBaseline(path: string, report: LintReport, linted: LintedSpecs): Promise<number> {
  refuseUnreadable(linted);
  const { writeBaseline } = await import('../lint/baseline-file.ts');
  const findings = [...report.diagnostics, ...report.known];
  await writeBaseline(path, findings);
  process.stderr.write(`${path}: ${countOf(findings.length, 'finding')}\n`);
  return exitCodes.clean;
}

function refuseUnreadable({ unreadable }: LintedSpecs): void {
  if (unreadable.length > 0) throw new InputError(unreadable.map(({ message }) => message).join('\n'));
}

function readAllowedWarnings({ strict, maxWarnings }: CheckFlags): number {
  const allowed = readCount('--max-warnings', maxWarnings, 0);
  if (strict && allowed !== undefined && allowed > 0)
    throw new InputError(`--strict allows no warning, and --max-warnings ${allowed} some: leave one out`);
  return strict ? 0 : (allowed ?? Number.POSITIVE_INFINITY);
}

function readCount(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < least)
    throw new InputError(`${flag} ${text} is not a count: use ${least} or more`);
  return value;
}
