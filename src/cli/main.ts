#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { register as registerBench } from './commands/bench.ts';
import { register as registerBuild } from './commands/build.ts';
import { register as registerCheck } from './commands/check.ts';
import { register as registerCompletion } from './commands/completion.ts';
import { register as registerDiagram } from './commands/diagram.ts';
import { register as registerDoctor } from './commands/doctor.ts';
import { register as registerExplain } from './commands/explain.ts';
import { register as registerExport } from './commands/export.ts';
import { register as registerFmt } from './commands/fmt.ts';
import { register as registerImport } from './commands/import.ts';
import { register as registerInit } from './commands/init.ts';
import { register as registerInspect } from './commands/inspect.ts';
import { register as registerLsp } from './commands/lsp.ts';
import { register as registerQuantize } from './commands/quantize.ts';
import { register as registerRules } from './commands/rules.ts';
import { register as registerRun } from './commands/run.ts';
import { register as registerTable } from './commands/table.ts';
import { register as registerTune } from './commands/tune.ts';
import { register as registerVerify } from './commands/verify.ts';
import { endWithOutput, exitCodes, InputError } from './output.ts';

/** Verbs declare their arguments here and import what they run only when they run, so that `check` starts fast. */
const verbs = [
  registerInit,
  registerBuild,
  registerCheck,
  registerFmt,
  registerImport,
  registerExport,
  registerQuantize,
  registerInspect,
  registerRun,
  registerTable,
  registerDiagram,
  registerVerify,
  registerBench,
  registerTune,
  registerExplain,
  registerRules,
  registerDoctor,
  registerCompletion,
  registerLsp,
];

const firstSteps = `
To begin:
  gqac init                          write a spec with comments
  gqac import config.json -o spec.yaml   or take one from another system
  gqac check spec.yaml               what is wrong with it, and the way out
  gqac build spec.yaml               kernels and a typed module, in generated/`;

async function main(): Promise<void> {
  endWithOutput();
  const program = new Command('gqac')
    .description('compile declarative transformer specs to WGSL attention kernels and typed TypeScript')
    .version(manifest.version)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('gqac --help lists the commands')
    .addHelpText('after', firstSteps);
  for (const register of verbs) register(program);
  for (const verb of program.commands) verb.showHelpAfterError(`gqac ${verb.name()} --help lists its options`);
  try {
    requireFolder();
    await program.parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/** @throws InputError when the current folder has been deleted: relative paths mean nothing then, and Node fails on them anywhere. */
function requireFolder(): void {
  try {
    process.cwd();
  } catch {
    throw new InputError('the current folder is not there any more: change into one that is');
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its message already; help and version come as errors with exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.clean : exitCodes.usage;
  if (error instanceof InputError || isOurs(error)) {
    for (const line of error.message.split('\n')) process.stderr.write(`error: ${line}\n`);
    return error.name === 'NoGpuError' ? exitCodes.noGpu : exitCodes.usage;
  }
  const report = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`internal error, please report it with the spec that caused it:\n${report}\n`);
  return exitCodes.internal;
}

/** What the runtime refuses on purpose, by name: its classes would have to be loaded for every verb. */
function isOurs(error: unknown): error is Error {
  const names = [
    'NoGpuError',
    'UsageError',
    'CheckpointError',
    'LimitError',
    'FeatureError',
    'OutOfMemoryError',
    'DeviceLostError',
  ];
  return error instanceof Error && names.includes(error.name);
}

await main();
