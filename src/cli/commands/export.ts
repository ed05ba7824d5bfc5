import type { Command } from 'commander';
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import { exitCodes, InputError, paletteFor } from '../output.ts';
import { printFindings } from '../reports/print-findings.ts';

interface ExportFlags {
  readonly to: string;
  readonly type?: string;
  readonly weights?: string;
  readonly output?: string;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('export')
    .description('write a spec for other systems')
    .argument('<spec>', 'spec file, a config of another system as JSON, a folder with either, or - for standard input')
    .requiredOption(
      '--to <format>',
      'hf: a config.json of transformers; onnx: a graph that refers to the checkpoint beside it',
    )
    .option('--type <type>', 'model type of transformers; found out when left out')
    .option('--weights <file>', 'checkpoint, instead of the one that the spec names')
    .option('-o, --output <file>', 'file to write; default: standard output')
    .option('--force', 'overwrite an existing file')
    .action(async (path: string, flags: ExportFlags) => {
      process.exitCode = await runExport(path, flags);
    });
}

/** Exit code: 0 written, 1 the spec has errors, or says what the other system cannot. */
async function runExport(path: string, flags: ExportFlags): Promise<number> {
  if (flags.to === 'onnx') {
    const { onnxOf } = await import('./export-onnx.ts');
    return finish(await onnxOf(path, flags.weights, flags.output), flags);
  }
  if (flags.to !== 'hf') throw new InputError(`--to ${flags.to} is not known: use hf or onnx`);
  await requireKnown(flags.type);
  const { checkModel } = await import('../run/model-source.ts');
  const shaped = await checkModel(path, paletteFor(process.stderr));
  return finish(shaped === undefined ? undefined : await configOf(shaped, path, flags.type), flags);
}

async function finish(content: string | Uint8Array | undefined, { output, force }: ExportFlags): Promise<number> {
  if (content === undefined) return exitCodes.findings;
  if (output === undefined) process.stdout.write(content);
  else await (await import('../files/replace-file.ts')).writeNew(output, content, force ?? false);
  return exitCodes.clean;
}

async function requireKnown(type: string | undefined): Promise<void> {
  const { modelTypes } = await import('../../compiler/import/hf/architectures.ts');
  if (type !== undefined && !modelTypes.includes(type))
    throw new InputError(`--type ${type} is not known: use ${modelTypes.join(', ')}`);
}

async function configOf(shaped: ShapedSpec, path: string, type: string | undefined): Promise<string | undefined> {
  const { exportHf } = await import('../../compiler/export/hf/export-hf.ts');
  const exported = exportHf(shaped, type);
  if (exported.kind === 'config') {
    const { type: written, sameNames } = exported;
    if (!sameNames)
      process.stderr.write(`info: checkpoints of ${written} name their tensors otherwise than ${path}: rename them\n`);
    const { configText } = await import('../../compiler/export/hf/config-text.ts');
    return configText(exported.config);
  }
  const { reportHfRefusal } = await import('../../compiler/export/report-refusals.ts');
  await printFindings((report) => reportHfRefusal(shaped, exported, type !== undefined, report));
  return undefined;
}
