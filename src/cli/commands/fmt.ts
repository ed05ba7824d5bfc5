import type { Command } from 'commander';
import type { Syntax } from '../../compiler/syntax/syntaxes.ts';
import { countOf, exitCodes, InputError, paletteFor } from '../output.ts';

interface FmtFlags {
  readonly to?: string;
  readonly output?: string;
  readonly syntax?: string;
  readonly check?: boolean;
  readonly stdin?: boolean;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('fmt')
    .description('write specs in canonical form, or in the other syntax')
    .argument('[path...]', 'spec files, folders to search, or - for standard input; default: the current folder')
    .option('--to <syntax>', 'yaml or dsl: convert one spec, to standard output')
    .option('-o, --output <file>', 'file for the converted spec')
    .option('--force', 'overwrite that file')
    .option('--syntax <syntax>', 'yaml or dsl: what the specs are in; by default their names or first lines say so')
    .option('--check', 'write nothing; list what would change, and fail if there is any')
    .option('--stdin', 'read standard input, write standard output')
    .action(async (paths: readonly string[], flags: FmtFlags) => {
      process.exitCode = await runFmt(paths, flags);
    });
}

/** Exit code: 0 formatted (or, with --check, nothing to do), 1 a spec is malformed or would change. */
async function runFmt(paths: readonly string[], flags: FmtFlags): Promise<number> {
  const { findFiles, pickSpecsAndParts, syntaxOption } = await import('../files/spec-files.ts');
  if (flags.stdin && paths.length > 0) throw new InputError('--stdin goes without paths');
  if (flags.output !== undefined && flags.to === undefined) throw new InputError('-o goes with --to');
  const { syntax: to } = syntaxOption('--to', flags.to);
  const { syntax } = syntaxOption('--syntax', flags.syntax);
  const given = paths.length > 0 ? paths : [flags.stdin ? '-' : '.'];
  const specs = await findFiles(given, pickSpecsAndParts);
  if (specs.length === 0) throw new InputError(`no spec.yaml, *.gqa.yaml or *.gqa below ${given.join(', ')}`);
  if (to !== undefined) return convert(specs, flags, { syntax, to });
  const outcomes: Outcome[] = [];
  for (const path of specs) outcomes.push(await formatOne(path, syntax, flags.check ?? false));
  const isFilter = specs.every((path) => path === '-') && !flags.check;
  return summarise(outcomes, flags.check ?? false, isFilter);
}

type Outcome = 'unchanged' | 'changed' | 'failed';

/** `-` is written to standard output, files in place. */
async function formatOne(path: string, syntax: Syntax | undefined, isCheck: boolean): Promise<Outcome> {
  const result = await format(path, syntax);
  if (result === undefined) return 'failed';
  const isChanged = result.text !== result.before;
  if (path === '-' && !isCheck) process.stdout.write(result.text);
  if (!isChanged) return 'unchanged';
  if (isCheck || path !== '-') process.stdout.write(`${path}\n`);
  if (isCheck || path === '-') return 'changed';
  const { replaceFile } = await import('../files/replace-file.ts');
  await replaceFile(path, result.text);
  return 'changed';
}

/** Undefined after printing why not. */
async function format(
  path: string,
  syntax?: Syntax,
  to?: Syntax,
): Promise<{ readonly text: string; readonly before: string } | undefined> {
  const { readSource } = await import('../files/spec-text.ts');
  const { collectDiagnostics } = await import('../../compiler/diagnostics/report.ts');
  const { formatSpec } = await import('../../compiler/syntax/format.ts');
  const { syntaxOf } = await import('../../compiler/syntax/syntaxes.ts');
  const source = await readSource(path);
  const { report, diagnostics } = collectDiagnostics();
  const from = syntax ?? syntaxOf(source);
  const converts = to === undefined ? {} : { to };
  const formatted = await formatSpec(source, { from, ...converts }, report, { writeOutAnchors: to !== undefined });
  if (formatted.kind === 'text') {
    const { text } = formatted;
    return { text: to === undefined ? withLineEndsOf(source.text, text) : text, before: source.text };
  }
  if (formatted.kind === 'refused') {
    process.stderr.write(`${path}: not formatted: ${formatted.reason}\n`);
    return undefined;
  }
  const { renderAll } = await import('../../compiler/diagnostics/render-text.ts');
  process.stderr.write(renderAll(diagnostics(), paletteFor(process.stderr)));
  return undefined;
}

/** Line ends are Git's business, which checks out others on Windows: a file keeps those of its first line. */
const withLineEndsOf = (before: string, text: string): string =>
  /\r?\n/.exec(before)?.[0] === '\r\n' ? text.replaceAll('\n', '\r\n') : text;

function summarise(outcomes: readonly Outcome[], isCheck: boolean, isQuiet: boolean): number {
  const changed = outcomes.filter((outcome) => outcome === 'changed').length;
  const failed = outcomes.filter((outcome) => outcome === 'failed').length;
  const verb = isCheck ? 'would change' : 'formatted';
  const failures = failed > 0 ? `, ${failed} not formatted` : '';
  if (!isQuiet) process.stderr.write(`${countOf(outcomes.length, 'spec')}, ${changed} ${verb}${failures}\n`);
  return failed > 0 || (isCheck && changed > 0) ? exitCodes.findings : exitCodes.clean;
}

async function convert(
  [path, ...others]: readonly string[],
  flags: FmtFlags,
  { syntax, to }: { readonly syntax: Syntax | undefined; readonly to: Syntax },
): Promise<number> {
  if (path === undefined || others.length > 0) {
    throw new InputError(`--to converts one spec, there are ${others.length + 1}`);
  }
  if (flags.check) throw new InputError('--check goes without --to');
  const result = await format(path, syntax, to);
  if (result === undefined) return exitCodes.findings;
  if (flags.output === undefined) process.stdout.write(result.text);
  else await (await import('../files/replace-file.ts')).writeNew(flags.output, result.text, flags.force ?? false);
  return exitCodes.clean;
}
