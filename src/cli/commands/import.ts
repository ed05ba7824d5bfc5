import type { Command } from 'commander';
import type { ImportNote, ImportOptions, ImportResult } from '../../compiler/import/draft.ts';
import type { SourceSystem } from '../../compiler/import/import-config.ts';
import { checkpointIn, tensorNamesOf } from '../files/checkpoint-in.ts';
import { InputError } from '../output.ts';

interface ImportFlags {
  readonly from?: string;
  readonly output?: string;
  readonly name?: string;
  readonly weights?: string;
  readonly partial?: boolean;
  readonly force?: boolean;
}

/** A config is a few kilobytes; a larger file is not one. */
const maxConfigBytes = 1 << 20;

export function register(program: Command): void {
  program
    .command('import')
    .description('write a spec from the config of another system')
    .argument('<file>', 'config as JSON, a folder with a config.json, - for standard input')
    .option(
      '--from <system>',
      'hf, x-transformers, minimind, llms-from-scratch, transformer-lens or sdpa; found out when left out',
    )
    .option('-o, --output <file>', 'file to write the spec to, standard output when left out')
    .option('--name <name>', 'name of the spec')
    .option('--weights <file>', 'checkpoint to name in the spec; of a config.json the one beside it when left out')
    .option('--partial', 'write the spec even when some options cannot be expressed, and name them in it')
    .option('--force', 'overwrite an existing file')
    .action(async (file: string, flags: ImportFlags) => {
      process.exitCode = await runImport(file, flags);
    });
}

/**
 * Exit code: 0 written, 1 something cannot be expressed.
 * @throws InputError for a file that cannot be read or written, and for a system that is not known.
 */
export async function runImport(path: string, flags: ImportFlags): Promise<number> {
  const { importConfig, sourceSystems } = await import('../../compiler/import/import-config.ts');
  if (flags.from !== undefined && !isSource(flags.from, sourceSystems)) {
    throw new InputError(`--from ${flags.from} is not a system that can be imported: use ${sourceSystems.join(', ')}`);
  }
  const file = await configIn(path);
  const config = await readConfig(file);
  const result = importConfig(config, flags.from, {
    name: flags.name ?? (await nameFrom(file)),
    ...(await checkpointFor(file, flags)),
  });
  for (const note of result.notes) process.stderr.write(`${renderNote(file, note)}\n`);
  const errors = result.notes.filter(({ severity }) => severity === 'error');
  if (result.spec === undefined) return 1;
  if (errors.length > 0 && !flags.partial) {
    process.stderr.write('no spec written: --partial writes it without what cannot be expressed\n');
    return 1;
  }
  return writeSpec(await printSpec(file, result, errors), flags);
}

function isSource(name: string, systems: readonly SourceSystem[]): name is SourceSystem {
  return systems.some((system) => system === name);
}

async function printSpec(file: string, result: ImportResult, errors: readonly ImportNote[]): Promise<string> {
  const { printYaml } = await import('../../compiler/syntax/print.ts');
  const origin = file === '-' ? 'standard input' : await baseName(file);
  const heading = [`imported by gqac from ${origin}`, ...errors.map(({ message }) => `not expressed: ${message}`)];
  return printYaml(result.spec ?? {}, { heading, comments: result.comments });
}

async function writeSpec(text: string, { output, force }: ImportFlags): Promise<number> {
  if (output === undefined) {
    process.stdout.write(text);
    return 0;
  }
  const { writeNew } = await import('../files/replace-file.ts');
  await writeNew(output, text, force ?? false);
  return 0;
}

/** A folder stands for the config.json in it. */
async function configIn(path: string): Promise<string> {
  if (path === '-') return path;
  const { stat } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? join(path, 'config.json') : path;
}

/** The checkpoint that `--weights` names; for a `config.json` the one beside it, named if the spec will lie there too. */
async function checkpointFor(file: string, flags: ImportFlags): Promise<Omit<ImportOptions, 'name'>> {
  const { basename, dirname, resolve } = await import('node:path');
  const isPublished = basename(file) === 'config.json';
  const beside = isPublished ? await checkpointIn(dirname(file)).catch(() => undefined) : undefined;
  const tensors = beside === undefined ? undefined : await tensorNamesOf(beside);
  const isInPlace = flags.output === undefined || dirname(resolve(flags.output)) === dirname(resolve(file));
  const weightsFile = flags.weights ?? (beside !== undefined && isInPlace ? basename(beside) : undefined);
  return { ...(weightsFile !== undefined && { weightsFile }), ...(tensors && { tensors }) };
}

async function readConfig(file: string): Promise<unknown> {
  const { parseJson, readJson } = await import('../files/json-file.ts');
  if (file !== '-') return readJson(file, maxConfigBytes);
  const { text } = await import('node:stream/consumers');
  return parseJson('standard input', await text(process.stdin));
}

/** `config.json` says nothing: its folder does. */
async function nameFrom(file: string): Promise<string> {
  if (file === '-') return '';
  const path = await import('node:path');
  const { name, dir } = path.parse(path.resolve(file));
  return name === 'config' || name === 'case' ? path.basename(dir) : name;
}

async function baseName(file: string): Promise<string> {
  const path = await import('node:path');
  return path.basename(file);
}

export function renderNote(file: string, { severity, code, message }: ImportNote): string {
  return `${severity}[${code}]: ${message}\n  --> ${file}`;
}
