import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { Palette } from '../../compiler/diagnostics/render-text.ts';
import type { ImportNote } from '../../compiler/import/draft.ts';
import { isObject } from '../../compiler/import/fields.ts';
import type { SourceFile } from '../../compiler/source/source.ts';
import { checkpointIn, tensorNamesOf } from '../files/checkpoint-in.ts';
import { fileReason } from '../files/file-errors.ts';
import { readJson } from '../files/json-file.ts';
import { readSource } from '../files/spec-text.ts';
import { InputError } from '../output.ts';

/** A spec, written or imported, and the folder that its other files are in. */
export interface ModelSource {
  /** Absent when the importer refused the config: see the errors among `notes`. */
  readonly source?: SourceFile;
  readonly folder: string;
  /** A checkpoint that lies in the folder under one of the usual names. */
  readonly weightsPath?: string;
  /** The file that was read. */
  readonly file: string;
  /** What an importer said; empty for a spec. */
  readonly notes: readonly ImportNote[];
}

const specNames = ['spec.yaml', 'spec.gqa'];

/**
 * What a path means to commands about whole models: a spec, the `config.json` of another system, or a folder with either.
 * @throws InputError when it cannot be read.
 */
export async function openModelSource(path: string): Promise<ModelSource> {
  const isFolder = path !== '-' && (await isDirectory(path));
  const folder = isFolder ? path : dirname(path);
  const file = isFolder ? await specOrConfigIn(path) : path;
  const weightsPath = path === '-' ? undefined : await checkpointIn(folder);
  const beside = weightsPath === undefined ? {} : { weightsPath };
  if (extname(file) !== '.json') return { source: await readSource(file), folder, file, ...beside, notes: [] };
  return { ...(await importSpec(file, weightsPath)), folder, file, ...beside };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new InputError(`${path} cannot be read: ${missing ? 'no such file or folder' : fileReason(error)}`);
  }
}

async function specOrConfigIn(folder: string): Promise<string> {
  const names = await readdir(folder);
  const named = [...specNames, ...names.filter((name) => /\.gqa(?:\.yaml)?$/.test(name)).sort(), 'config.json'];
  const found = named.find((name) => names.includes(name));
  if (found === undefined) throw new InputError(`${folder} has neither a spec (spec.yaml) nor a config.json`);
  return join(folder, found);
}

async function importSpec(
  file: string,
  weightsPath: string | undefined,
): Promise<Pick<ModelSource, 'source' | 'notes'>> {
  const { importConfig } = await import('../../compiler/import/import-config.ts');
  const { printYaml } = await import('../../compiler/syntax/print.ts');
  const config = await readJson(file);
  if (!isObject(config)) throw new InputError(`${file} is not a JSON object`);
  const tensors = weightsPath === undefined ? undefined : await tensorNamesOf(weightsPath);
  const { spec, comments, notes } = importConfig(config, undefined, {
    name: nameOf(file),
    ...(tensors && { tensors }),
  });
  if (spec === undefined || notes.some(({ severity }) => severity === 'error')) return { notes };
  return { source: { path: `${file} as a spec`, text: printYaml(spec, { comments }) }, notes };
}

/**
 * The checked spec, or undefined after printing what is wrong. Checkpoints are not read: what counts is what the spec says.
 * @throws InputError when it cannot be read.
 */
export async function checkModel(path: string, palette: Palette): Promise<ShapedSpec | undefined> {
  const model = await openModelSource(path);
  if (model.source === undefined) {
    await printRefusal(model);
    return undefined;
  }
  const { checkSpec } = await import('../../compiler/pipeline.ts');
  const { parserOf, syntaxOf } = await import('../../compiler/syntax/syntaxes.ts');
  const { loadIncludes } = await import('../files/includes.ts');
  const { chosenModule } = await import('../files/spec-files.ts');
  const parse = await parserOf(syntaxOf(model.source));
  const includes = await loadIncludes(model.source, parse, model.folder);
  const result = checkSpec(model.source, { parse, ...(includes && { readInclude: includes.readInclude }) });
  const { shaped } = chosenModule(path, result);
  if (shaped !== undefined) return shaped;
  const { renderAll } = await import('../../compiler/diagnostics/render-text.ts');
  process.stderr.write(renderAll(result.diagnostics, palette));
  return undefined;
}

/** Prints why an importer refused a config; what it only remarked is said by `gqac import`. */
export async function printRefusal({ file, notes }: ModelSource): Promise<void> {
  const { renderNote } = await import('../commands/import.ts');
  for (const note of notes) if (note.severity === 'error') process.stderr.write(`${renderNote(file, note)}\n`);
}

/** `config.json` says nothing: its folder does. */
function nameOf(file: string): string {
  const name = basename(file, '.json');
  return name === 'config' ? basename(dirname(resolve(file))) : name;
}
