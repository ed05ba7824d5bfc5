import type { Command } from 'commander';
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { TargetProfile } from '../../compiler/plan/profiles/profiles.ts';
import type { OpenedDevice } from '../../node/adapter.ts';
import { interruptible } from '../interrupt.ts';
import { exitCodes, InputError } from '../output.ts';
import type { BenchFacts, CallReport } from '../reports/bench-table.ts';
import { printDiagnostics } from '../reports/print-findings.ts';
import { statusLine } from '../reports/status-line.ts';

interface BenchFlags {
  readonly target?: string;
  readonly tokens?: string;
  readonly keys?: string;
  readonly syntax?: string;
  readonly attention?: string;
  readonly format: string;
}

export function register(program: Command): void {
  program
    .command('bench')
    .description('time the kernels of a spec on this machine’s adapter, for a prompt and for a decoded token')
    .argument('<spec>', 'spec file, or - for standard input')
    .option(
      '--target <target>',
      'matrix, f16, nvidia-h100, … or a PROFILE.json; default: the first that the adapter has',
    )
    .option('--tokens <n>', 'tokens of the prompt; default: 2048, or what there is room for')
    .option('--keys <n>', 'keys that a decoded token sees; default: 4096, or what there is room for')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--format <format>', 'human or json', 'human')
    .action(async (path: string, flags: BenchFlags) => {
      process.exitCode = await interruptible((signal) => runBench(path, flags, signal));
    });
}

/** Exit code: 0 timed, 1 the spec has errors, 4 no usable GPU. */
async function runBench(path: string, flags: BenchFlags, signal: AbortSignal): Promise<number> {
  if (flags.format !== 'human' && flags.format !== 'json')
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const { shaped, diagnostics } = await loadSpec(path, loadOptions(flags));
  await printDiagnostics(diagnostics);
  if (shaped === undefined) return exitCodes.findings;
  const { openTimingDevice } = await import('../timing-device.ts');
  const { pollFor } = await import('../../node/polling.ts');
  const { opened, adapter, isExact, timedBy } = await openTimingDevice('these times say nothing of a GPU');
  pollFor(opened.description);
  try {
    const profile = await profileFor(opened, flags.target);
    const { deviceNamed } = await import('../../compiler/facts/devices.ts');
    const { benchReport, benchTable } = await import('../reports/bench-table.ts');
    const calls = await timeCalls(shaped, profile, flags, { opened, isExact, signal });
    const ceilings = deviceNamed(opened.description.name);
    const facts: BenchFacts = {
      name: shaped.name,
      adapter,
      variant: profile.id,
      timedBy,
      ...(ceilings && { ceilings }),
    };
    const report = benchReport(facts, calls);
    process.stdout.write(flags.format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : benchTable(report));
    return exitCodes.clean;
  } finally {
    opened.device.destroy();
  }
}

/** @throws InputError for a target that does not run here */
async function profileFor({ adapter }: OpenedDevice, target: string | undefined): Promise<TargetProfile> {
  const { obstacleTo } = await import('../../tune/device-profile.ts');
  const { targetsOf } = await import('../targets.ts');
  const targets = await targetsOf(target ?? 'all');
  if (target !== undefined && targets.length !== 1)
    throw new InputError(`--target ${target}: one target is timed at a time`);
  const tried = targets.map((profile) => ({ profile, obstacle: obstacleTo(profile, adapter) }));
  const fitting = tried.find(({ obstacle }) => obstacle === undefined);
  if (fitting !== undefined) return fitting.profile;
  throw new InputError(`--target ${target ?? 'all'} does not run here: ${tried[0]?.obstacle?.message}`);
}

interface Where {
  readonly opened: OpenedDevice;
  readonly isExact: boolean;
  readonly signal: AbortSignal;
}

async function timeCalls(
  shaped: ShapedSpec,
  profile: TargetProfile,
  flags: BenchFlags,
  { opened: { device }, isExact, signal }: Where,
): Promise<readonly CallReport[]> {
  const { compileModule } = await import('../../compiler/compile.ts');
  const { callsOf } = await import('../../compiler/facts/cost-report.ts');
  const { kernelCosts } = await import('../../compiler/facts/kernel-costs.ts');
  const { LoadedModule } = await import('../../runtime/abi1/loaded-module.ts');
  const { benchCall } = await import('../../tune/call-bench.ts');
  const { chipCacheBytes } = await import('../../tune/copies.ts');
  const { patternWeights } = await import('../../tune/pattern-weights.ts');
  const { Stopwatch } = await import('../../tune/stopwatch.ts');
  const { callSizes } = await import('../call-sizes.ts');
  const { definition, module, programs } = compileModule(shaped, [profile]);
  const [program] = programs;
  if (program === undefined) return [];
  const sizes = callSizes(flags, definition.facts);
  const weights = patternWeights(definition.weights.map(({ source, shape }) => ({ name: source, shape })));
  const bench = { device, stopwatch: new Stopwatch(device, isExact), cacheBytes: isExact ? chipCacheBytes : 0 };
  const status = statusLine(process.stderr);
  status.show(`${shaped.name}: compiling`);
  const loaded = await LoadedModule.load(definition, { device, weights });
  const reports: CallReport[] = [];
  try {
    for (const { call, ...size } of callsOf(sizes)) {
      if (call === 'decode' && !definition.facts.causal && definition.kind === 'model') continue;
      const costs = kernelCosts(module, program, size);
      const onKernel = (done: number, count: number) => status.show(`${call}: kernel ${done + 1} of ${count}`);
      const timing = await benchCall(loaded, { size, costs }, bench, { signal, onKernel });
      reports.push({ call, size, costs, timing });
    }
  } finally {
    status.end();
    loaded.dispose();
  }
  return reports;
}
