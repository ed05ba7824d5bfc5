import { basename } from 'node:path';
import type { Command } from 'commander';
import manifest from '../../../package.json' with { type: 'json' };
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { CallSizes } from '../../compiler/facts/cost-report.ts';
import type { TargetProfile } from '../../compiler/plan/profiles/profiles.ts';
import type { OpenedDevice } from '../../node/adapter.ts';
import type { Workload } from '../../tune/node-variant.ts';
import type { StageReport } from '../../tune/tune-report.ts';
import { interruptible } from '../interrupt.ts';
import { exitCodes, InputError, readNumber } from '../output.ts';
import { printDiagnostics } from '../reports/print-findings.ts';
import { statusLine } from '../reports/status-line.ts';

interface TuneFlags {
  readonly output?: string;
  readonly target?: string;
  readonly tokens?: string;
  readonly keys?: string;
  readonly time: string;
  readonly syntax?: string;
  readonly attention?: string;
  readonly format: string;
}

export function register(program: Command): void {
  program
    .command('tune')
    .description(
      'time the candidates of every scheduled kernel on this machine’s adapter, and write what is fastest as a profile',
    )
    .argument('<specs...>', 'spec files that the profile is to serve, or - for standard input')
    .option('-o, --output <file>', 'where to write the profile, for --target; without it the table is printed only')
    .option(
      '--target <target>',
      'profile to begin with: matrix, nvidia-h100, … or a PROFILE.json; default: all that the adapter has',
    )
    .option('--tokens <n>', 'tokens of the prompt; default: 2048, or what there is room for')
    .option('--keys <n>', 'keys that a decoded token sees; default: 4096, or what there is room for')
    .option('--time <seconds>', 'candidates that are left after this are not tried', '120')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--format <format>', 'human or json', 'human')
    .action(async (paths: readonly string[], flags: TuneFlags) => {
      process.exitCode = await interruptible((signal) => runTune(paths, flags, signal));
    });
}

/** Exit code: 0 tuned, 1 a spec has errors or a candidate was wrong, 4 no usable GPU. */
async function runTune(paths: readonly string[], flags: TuneFlags, signal: AbortSignal): Promise<number> {
  if (flags.format !== 'human' && flags.format !== 'json')
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  const seconds = readNumber('--time', flags.time, 1, 86_400);
  const id = flags.output === undefined ? 'tuned' : idOf(flags.output);
  const workloads = await workloadsOf(paths, flags);
  if (workloads === undefined) return exitCodes.findings;
  const { openTimingDevice } = await import('../timing-device.ts');
  const { opened, adapter, isExact, timedBy } = await openTimingDevice('what is fastest here says nothing of a GPU');
  if (opened.description.kind === 'gpu' && !isExact)
    process.stderr.write('warning: no time stamps on this adapter: the wall clock is read\n');
  const profile = await profileFor(opened, flags, id);
  const began = performance.now();
  const reports = await tune(workloads, profile, { opened, isExact, seconds, signal });
  const facts = { adapter, timedBy, seconds: (performance.now() - began) / 1e3 };
  const { tuneTable } = await import('../reports/tune-table.ts');
  const text =
    flags.format === 'json' ? `${JSON.stringify({ schemaVersion: 1, ...facts, stages: reports }, null, 2)}\n` : '';
  process.stdout.write(text || tuneTable(reports, facts));
  if (flags.output !== undefined) {
    const { schedulesOf } = await import('../../tune/tune-report.ts');
    const { replaceOwn } = await import('../files/replace-file.ts');
    const measured = await measuredOf(opened, timedBy, workloads, reports);
    const written = { ...profile, schedules: schedulesOf(reports), measured };
    await replaceOwn(flags.output, `${JSON.stringify(written, null, 2)}\n`);
  }
  const isWrong = reports.some(({ candidates }) =>
    candidates.some(({ outcomes }) => outcomes.some(({ kind }) => kind === 'wrong')),
  );
  return isWrong ? exitCodes.findings : exitCodes.clean;
}

/** Undefined when one of the specs has errors, which are printed. */
async function workloadsOf(paths: readonly string[], flags: TuneFlags): Promise<readonly Workload[] | undefined> {
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const { lower } = await import('../../compiler/ir/lower.ts');
  const workloads: Workload[] = [];
  for (const path of paths) {
    const { shaped, diagnostics } = await loadSpec(path, loadOptions(flags));
    await printDiagnostics(diagnostics);
    if (shaped !== undefined)
      workloads.push({ name: shaped.name, shaped, module: lower(shaped), sizes: await sizesOf(shaped, flags) });
  }
  return workloads.length === paths.length ? workloads : undefined;
}

/** The profile's name is that of its file. @throws InputError for a name that is none. */
function idOf(path: string): string {
  const id = basename(path, '.json');
  if (path.endsWith('.json') && /^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(id)) return id;
  throw new InputError(
    `-o ${path}: a profile is a file such as my-gpu.json, a letter first, then letters, digits, _ and -`,
  );
}

async function sizesOf(shaped: ShapedSpec, flags: TuneFlags): Promise<CallSizes> {
  const { compileModule } = await import('../../compiler/compile.ts');
  const { callSizes } = await import('../call-sizes.ts');
  return callSizes(flags, compileModule(shaped, []).definition.facts);
}

async function profileFor(
  { adapter, device, description }: OpenedDevice,
  { target }: TuneFlags,
  id: string,
): Promise<TargetProfile> {
  const { obstacleTo, profileOfDevice } = await import('../../tune/device-profile.ts');
  if (target === undefined) return profileOfDevice(adapter, device, id, description.name);
  const { targetsOf } = await import('../targets.ts');
  const [profile, ...others] = await targetsOf(target);
  if (profile === undefined || others.length > 0)
    throw new InputError(`--target ${target}: one profile is tuned at a time`);
  const obstacle = obstacleTo(profile, adapter);
  if (obstacle !== undefined) throw new InputError(`--target ${target} does not run here: ${obstacle.message}`);
  const { schedules: _, ...unscheduled } = profile;
  return { ...unscheduled, id, doc: `${profile.doc}; schedules for ${description.name}` };
}

interface Trials {
  readonly opened: OpenedDevice;
  readonly isExact: boolean;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Drivers take up to a second for a kernel; of more at a time than this none is done sooner. */
const compiledAhead = 6;

async function tune(
  workloads: readonly Workload[],
  profile: TargetProfile,
  { opened, isExact, seconds, signal }: Trials,
): Promise<readonly StageReport[]> {
  const { Stopwatch } = await import('../../tune/stopwatch.ts');
  const { chipCacheBytes } = await import('../../tune/copies.ts');
  const { tuneModule } = await import('../../tune/tune-module.ts');
  const { scheduleCandidates } = await import('../../compiler/plan/profiles/schedule-candidates.ts');
  const status = statusLine(process.stderr);
  try {
    return await tuneModule(workloads, profile, {
      device: opened.device,
      stopwatch: new Stopwatch(opened.device, isExact),
      candidates: scheduleCandidates,
      cacheBytes: isExact ? chipCacheBytes : 0,
      ahead: isExact ? compiledAhead : 0,
      seconds,
      signal,
      onCandidate: (stage, tried, count) => status.show(`${stage}: candidate ${tried + 1} of ${count}`),
    });
  } finally {
    status.end();
    opened.device.destroy();
  }
}

/** Where the schedules come from, for whoever reads the profile. */
async function measuredOf(
  { adapter, description }: OpenedDevice,
  timedBy: string,
  workloads: readonly Workload[],
  reports: readonly StageReport[],
) {
  const { findPackage } = await import('../../node/packages.ts');
  const { countsOf } = await import('../../tune/tune-report.ts');
  return {
    adapter: description.name,
    timedBy,
    driver: adapter.info.description,
    dawn: `npm webgpu ${findPackage('webgpu')?.version}`,
    gqac: manifest.version,
    date: new Date().toISOString().slice(0, 10),
    calls: Object.fromEntries(workloads.map(({ name, sizes }) => [name, sizes])),
    stages: Object.fromEntries(
      reports.map(({ stage, specs, candidates }) => [stage, { candidates: countsOf(candidates), specs }]),
    ),
  };
}
