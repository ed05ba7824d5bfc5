import type { Command } from 'commander';
import { exitCodes, InputError } from '../output.ts';
import { printDiagnostics } from '../reports/print-findings.ts';

interface InspectFlags {
  readonly format: string;
  readonly weights?: string;
  readonly syntax?: string;
  readonly attention?: string;
  readonly target: string;
  readonly device: string;
  readonly tokens?: string;
  readonly keys?: string;
}

export function register(program: Command): void {
  program
    .command('inspect')
    .description('print tensors, head groups, key columns, kernels with what they cost at least, and what was rejected')
    .argument('<spec>', 'spec file, or - for standard input')
    .option('--weights <path>', 'checkpoint, instead of the one that the spec names')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--target <target>', 'device variants: baseline, f16, …, nvidia-h100, all, or a PROFILE.json', 'all')
    .option('--device <device>', 'whose least times are printed: h100', 'h100')
    .option('--tokens <n>', 'tokens of the prompt whose costs are printed; default: 2048, or what there is room for')
    .option('--keys <n>', 'keys that the decoded token sees; default: 4096, or what there is room for')
    .option('--format <format>', 'human or json', 'human')
    .action(async (path: string, flags: InspectFlags) => {
      process.exitCode = await inspect(path, flags);
    });
}

async function inspect(path: string, flags: InspectFlags): Promise<number> {
  if (flags.format !== 'human' && flags.format !== 'json')
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  const { devices, deviceOf } = await import('../../compiler/facts/devices.ts');
  const device = deviceOf(flags.device);
  if (device === undefined)
    throw new InputError(`--device ${flags.device} is not known: use ${Object.keys(devices).join(', ')}`);
  const { targetsOf } = await import('../targets.ts');
  const targets = await targetsOf(flags.target);
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const { compileModule } = await import('../../compiler/compile.ts');
  const { shaped, diagnostics } = await loadSpec(path, loadOptions(flags));
  await printDiagnostics(diagnostics);
  if (shaped === undefined) return exitCodes.findings;
  const compiled = compileModule(shaped, targets);
  const { callSizes } = await import('../call-sizes.ts');
  const { describeSpec } = await import('../reports/inspect-report.ts');
  const report = describeSpec(shaped, compiled, callSizes(flags, compiled.definition.facts), device);
  const { printReport } = await import('../reports/inspect-text.ts');
  process.stdout.write(flags.format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : printReport(report));
  return exitCodes.clean;
}
