import { resolve } from 'node:path';
import type { Command } from 'commander';
import manifest from '../../../package.json' with { type: 'json' };
import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { TargetProfile } from '../../compiler/plan/profiles/profiles.ts';
import type { Generated } from '../files/generated-folder.ts';
import type { LoadedSpec } from '../files/spec-files.ts';
import { countOf, exitCodes, InputError } from '../output.ts';

interface BuildFlags {
  readonly output?: string;
  readonly target?: string;
  readonly emit: string;
  readonly weights?: string;
  readonly syntax?: string;
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('build')
    .description('compile a spec to a typed module, its WGSL kernels and a manifest')
    .argument('<spec>', 'spec file')
    .option('-o, --output <folder>', 'where to write; default: generated/ beside the spec')
    .option(
      '--target <target>',
      'device variants that the module carries, which must run there: baseline, f16, …, nvidia-h100, all, or a PROFILE.json',
    )
    .option('--emit <language>', 'ts, or js with declarations', 'ts')
    .option('--weights <path>', 'checkpoint to check against, instead of the one that the spec names')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--check', 'write nothing; fail when what is on disk is stale')
    .option('--watch', 'build again whenever the spec changes')
    .option('--force', 'overwrite files that gqac did not generate, and take the place of another spec’s module')
    .action(async (path: string, flags: BuildFlags) => {
      process.exitCode = flags.watch ? await watch(path, flags) : await build(path, flags);
    });
}

/** Exit code: 0 built (or, with --check, up to date), 1 findings (or stale). */
async function build(path: string, flags: BuildFlags): Promise<number> {
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const targets = await targetsFor(flags);
  const spec = await loadSpec(path, { ...loadOptions(flags), targets: targets.checked, several: true });
  await printDiagnostics(spec);
  const { join } = await import('node:path');
  let code: number = spec.modules.length === 0 ? exitCodes.findings : exitCodes.clean;
  for (const shaped of spec.modules) {
    const output = await outputFolder(path, flags.output);
    const folder = shaped.part === undefined ? output : join(output, shaped.part);
    const generated = await generate(shaped, spec, { path, folder, flags, targets: targets.built });
    code = Math.max(
      code,
      flags.check ? await checkFolder(folder, generated) : await write(folder, generated, flags.force ?? false),
    );
  }
  return code;
}

async function printDiagnostics({ diagnostics }: LoadedSpec): Promise<void> {
  if (diagnostics.length === 0) return;
  const { renderAll } = await import('../../compiler/diagnostics/render-text.ts');
  const { paletteFor } = await import('../output.ts');
  process.stderr.write(renderAll(diagnostics, paletteFor(process.stderr)));
}

async function outputFolder(path: string, output: string | undefined): Promise<string> {
  if (output !== undefined) return output;
  if (path === '-') throw new InputError('a spec from standard input needs -o FOLDER');
  const { dirname, join } = await import('node:path');
  return join(dirname(path), 'generated');
}

/** A module for no target in particular runs where a device has room for its tensors, which the runtime finds out. */
async function targetsFor({ target }: BuildFlags) {
  const { targetsOf, withoutSizeLimits } = await import('../targets.ts');
  const built = await targetsOf(target ?? 'all');
  return { built, checked: target === undefined ? built.map(withoutSizeLimits) : built };
}

interface Generation {
  readonly path: string;
  readonly folder: string;
  readonly flags: BuildFlags;
  readonly targets: readonly TargetProfile[];
}

async function generate(
  shaped: ShapedSpec,
  { source, included }: LoadedSpec,
  { path, folder, flags, targets }: Generation,
): Promise<Generated> {
  const { compileModule } = await import('../../compiler/compile.ts');
  const { emitFiles } = await import('../../compiler/emit-ts/files.ts');
  if (flags.emit !== 'ts' && flags.emit !== 'js')
    throw new InputError(`--emit ${flags.emit} is not known: use ts or js`);
  const compiled = compileModule(shaped, targets);
  const specPath = path === '-' ? undefined : await pathFrom(folder, path);
  const { createHash } = await import('node:crypto');
  const origin = {
    gqacVersion: manifest.version,
    specPath: specPath ?? 'standard input',
    specSha256: createHash('sha256')
      // Git may give lines other ends on another system: the spec is the same.
      .update([source, ...included].map(({ text }) => text.replaceAll('\r\n', '\n')).join('\0'))
      .digest('hex'),
    doc: leadingComment(source.text),
  };
  return { name: compiled.definition.name, specPath, files: emitFiles(compiled, origin, flags.emit) };
}

async function pathFrom(folder: string, file: string): Promise<string> {
  const { relative, sep } = await import('node:path');
  return relative(folder, file).split(sep).join('/');
}

/** Comments at the top of a spec, but for what is meant for editors and for the linter. */
function leadingComment(text: string): string {
  const lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (!line.startsWith('#')) break;
    if (!/^#\s*(?:yaml-language-server:|gqac-ignore\b)/.test(line)) lines.push(line.replace(/^#\s?/, ''));
  }
  return lines.join('\n');
}

async function write(folder: string, generated: Generated, force: boolean): Promise<number> {
  const { writeGenerated } = await import('../files/generated-folder.ts');
  const { missing, changed, orphaned } = await writeGenerated(folder, generated, force);
  const written = missing.length + changed.length;
  const removed = orphaned.length > 0 ? `, ${orphaned.length} removed` : '';
  process.stdout.write(`${folder}: ${countOf(generated.files.length, 'file')}, ${written} written${removed}\n`);
  return exitCodes.clean;
}

async function checkFolder(folder: string, generated: Generated): Promise<number> {
  const { differences } = await import('../files/generated-folder.ts');
  const found = await differences(folder, generated, false);
  const lines = Object.entries(found).flatMap(([kind, paths]) =>
    (paths as readonly string[]).map((path) => `${kind}: ${folder}/${path}`),
  );
  if (lines.length === 0) return exitCodes.clean;
  process.stderr.write(`${lines.join('\n')}\nstale: run gqac build without --check\n`);
  return exitCodes.findings;
}

/** Builds, then builds again after each change of the spec, what it includes or its checkpoint, until interrupted. */
async function watch(path: string, flags: BuildFlags): Promise<number> {
  if (path === '-' || flags.check) throw new InputError('--watch goes with a spec file, and not with --check');
  const { default: chokidar } = await import('chokidar');
  const { loadOptions, loadSpec } = await import('../files/spec-files.ts');
  const buildOnce = () =>
    build(path, flags).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      process.stderr.write(`error: ${error.message}\n`);
    });
  const filesOf = async () => {
    const spec = await loadSpec(path, { ...loadOptions(flags), several: true }).catch(() => undefined);
    const weights = spec?.weightsPath ?? flags.weights;
    const files = [path, ...(weights === undefined ? [] : [weights]), ...(spec?.included ?? []).map((one) => one.path)];
    // Relative paths keep the watcher busy for good once the working directory has been deleted.
    return files.map((file) => resolve(file));
  };
  const watcher = chokidar.watch(await filesOf(), {
    ignoreInitial: true,
    awaitWriteFinish: { stabilityThreshold: 50 },
  });
  let queue = buildOnce();
  watcher.on('all', () => {
    queue = queue.then(async () => {
      // What is included from now on is watched before it is read. Adding would open a closed watcher again.
      if (!watcher.closed) watcher.add(await filesOf());
      return buildOnce();
    });
  });
  await queue;
  process.stderr.write(`watching ${path}; Ctrl-C ends\n`);
  await new Promise<void>((resolve) => process.once('SIGINT', resolve));
  await watcher.close();
  return exitCodes.interrupted;
}
