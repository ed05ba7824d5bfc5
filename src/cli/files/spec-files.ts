import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CheckpointHeader } from '../../compiler/check/weights/checkpoint.ts';
import { type CheckOptions, type CheckResult, checkSpec, weightsFileOf } from '../../compiler/pipeline.ts';
import type { TargetProfile } from '../../compiler/plan/profiles/profiles.ts';
import type { SourceFile } from '../../compiler/source/source.ts';
import { isPart, parserOf, type Syntax, syntaxes, syntaxOf } from '../../compiler/syntax/syntaxes.ts';
import { InputError } from '../output.ts';
import { loadIncludes } from './includes.ts';
import { readSource, unreadable } from './spec-text.ts';

export interface LoadedSpec extends CheckResult {
  readonly source: SourceFile;
  /** Files that it includes. */
  readonly included: readonly SourceFile[];
  /** Resolved path of the checkpoint whose header was read. */
  readonly weightsPath?: string;
  /** What a check of another text in its place takes. */
  readonly checkedWith: CheckOptions;
}

/**
 * Reads a spec (`-` is standard input) and the header of its checkpoint, if it is there, and checks both.
 * @throws InputError when either cannot be read.
 */
export async function loadSpec(path: string, options: LoadOptions = {}): Promise<LoadedSpec> {
  return checkSource(await readSource(path), path, options);
}

/** As `loadSpec`, for a text that has been read; `path` says where its checkpoint may lie. */
export async function checkSource(source: SourceFile, path: string, options: LoadOptions = {}): Promise<LoadedSpec> {
  const parse = await parserOf(options.syntax ?? syntaxOf(source));
  const includes = await loadIncludes(source, parse, path === '-' ? '.' : dirname(path));
  const given: CheckOptions = {
    parse,
    ...(includes === undefined ? {} : { readInclude: includes.readInclude }),
    ...(options.shards === undefined ? {} : { shards: options.shards }),
    ...(await budgetsOf(options.targets)),
  };
  const alone = checkSpec(source, given);
  const weightsPath = options.weights ?? (path === '-' ? undefined : await weightsBeside(path, alone));
  const common = { source, included: includes?.sources ?? [] };
  if (weightsPath === undefined)
    return { ...common, checkedWith: given, ...alone, ...chosenModule(path, alone, options) };
  const within = options.weights === undefined ? dirname(path) : undefined;
  const checkedWith: CheckOptions = { ...given, checkpoint: await readHeader(weightsPath, within) };
  const result = checkSpec(source, checkedWith);
  return { ...common, weightsPath, checkedWith, ...result, ...chosenModule(path, result, options) };
}

/** The module that a command is about, where a spec is of several. */
export function chosenModule(
  path: string,
  { modules, shaped }: CheckResult,
  { several, attention }: LoadOptions = {},
): Pick<CheckResult, 'shaped'> {
  if (several || modules.length === 0) return {};
  const chosen = attention === undefined ? shaped : modules.find(({ part }) => part === attention);
  if (chosen !== undefined) return { shaped: chosen };
  const parts = modules.flatMap(({ part }) => part ?? []);
  if (parts.length === 0) throw new InputError(`${path} has one attention: leave out --attention`);
  throw new InputError(`${path} has the attentions ${parts.join(', ')}: choose one with --attention`);
}

export interface LoadOptions {
  readonly weights?: string;
  readonly shards?: number;
  /** Which of several attentions is meant. */
  readonly attention?: string;
  /** All of them are. */
  readonly several?: true;
  /** What it must run on. */
  readonly targets?: readonly TargetProfile[];
  /** Found out by the name of the file, or by the first line of standard input, when left out. */
  readonly syntax?: Syntax;
}

async function budgetsOf(targets: LoadOptions['targets']): Promise<Pick<CheckOptions, 'checkBudgets'>> {
  if (targets === undefined) return {};
  const { checkBudgets } = await import('../../compiler/budget/check-budgets.ts');
  return { checkBudgets: (shaped, report) => checkBudgets(targets, shaped, report) };
}

/** The syntax that an option of the command line names. @throws InputError for a name that is none. */
export function syntaxOption(option: string, name: string | undefined): { readonly syntax?: Syntax } {
  if (name === undefined) return {};
  const syntax = syntaxes.find((known) => known === name);
  if (syntax === undefined) throw new InputError(`${option} ${name} is not known: use ${syntaxes.join(' or ')}`);
  return { syntax };
}

interface SpecFlags {
  readonly weights?: string;
  readonly syntax?: string;
  readonly attention?: string;
}

/** What a command's `--weights`, `--syntax` and `--attention` say. @throws InputError as `syntaxOption` does. */
export function loadOptions(flags: SpecFlags): LoadOptions {
  const weights = flags.weights === undefined ? {} : { weights: flags.weights };
  const attention = flags.attention === undefined ? {} : { attention: flags.attention };
  return { ...weights, ...attention, ...syntaxOption('--syntax', flags.syntax) };
}

/** The checkpoint that the spec names, if it exists. A link that leads out of the spec's folder is refused. */
async function weightsBeside(path: string, spec: CheckResult): Promise<string | undefined> {
  const named = weightsFileOf(spec);
  if (named === undefined) return undefined;
  const target = join(dirname(path), named);
  const isThere = await stat(target).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const { isInside } = await import('../../node/inside-folder.ts');
  if (await isInside(target, dirname(path))) return target;
  throw new InputError(`${named} is a link out of the folder of ${path}: name the file with --weights`);
}

/** `within`: the folder of the spec, when it is the spec that names the checkpoint. */
async function readHeader(path: string, within: string | undefined): Promise<CheckpointHeader> {
  const { readCheckpointFacts } = await import('../../node/checkpoint-file.ts');
  try {
    return { path, ...(await readCheckpointFacts(path, within === undefined ? {} : { within })) };
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error));
  }
}

const skippedFolders = new Set(['node_modules', 'generated', 'dist']);

/** Of the names of the files of a folder, sorted, those that are meant. */
export type PickFiles = (names: readonly string[]) => readonly string[];

/** `spec.yaml`, `*.gqa.yaml` and `*.gqa`, parts for others to include among them. */
export const pickSpecsAndParts: PickFiles = (names) =>
  names.filter((name) => name === 'spec.yaml' || /\.gqa(?:\.yaml)?$/.test(name));

/** Those that are specs by themselves. */
export const pickSpecs: PickFiles = (names) => pickSpecsAndParts(names).filter((name) => !isPart(name));

/** Files as they are; of folders, every spec below. Links are not followed. */
export async function findSpecs(paths: readonly string[]): Promise<readonly string[]> {
  return findFiles(paths, pickSpecs);
}

/** Files as they are; of folders, and of those below, the files that `pick` takes. Links are not followed. */
export async function findFiles(paths: readonly string[], pick: PickFiles): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (path === '-') found.push(path);
    else if ((await statOf(path)).isDirectory()) found.push(...(await filesBelow(path, pick)));
    else found.push(path);
  }
  return [...new Set(found)];
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(path);
  } catch (error) {
    if (!/[*?]/.test(path)) throw unreadable(path, error);
    throw new InputError(`${path} cannot be read: patterns are not expanded here, name the files or their folder`);
  }
}

async function filesBelow(folder: string, pick: PickFiles): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  const names = entries.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1));
  const kinds = new Map(entries.map((entry) => [entry.name, entry]));
  const picked = new Set(pick(names.filter((name) => kinds.get(name)?.isFile())));
  const found: string[] = [];
  for (const name of names) {
    const isBranch = kinds.get(name)?.isDirectory() && !name.startsWith('.') && !skippedFolders.has(name);
    if (isBranch) found.push(...(await filesBelow(join(folder, name), pick)));
    if (picked.has(name)) found.push(join(folder, name));
  }
  return found;
}
