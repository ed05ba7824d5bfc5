import type { Command } from 'commander';
import type { ModelFacts } from '../compiler/facts/model-facts.ts';
import type { TableFormat } from '../compiler/facts/table.ts';
import { exitCodes, InputError, paletteFor } from './output.ts';

interface TableFlags {
  readonly format: string;
}

export function register(program: Command): void {
  program
    .command('table')
    .description('a table of models: heads, windows, parameters, and what their caches take')
    .argument('<paths...>', 'specs, configs of other systems as JSON, or folders with either')
    .option('--format <format>', 'markdown, csv, json or html', 'markdown')
    .action(async (paths: readonly string[], flags: TableFlags) => {
      process.exitCode = await table(paths, flags);
    });
}

/** Exit code: 0 every model is in the table, 1 one has errors and is left out. */
async function table(paths: readonly string[], flags: TableFlags): Promise<number> {
  const { renderTable, tableFormats } = await import('../compiler/facts/table.ts');
  const format = tableFormats.find((known) => known === flags.format);
  if (format === undefined)
    throw new InputError(`--format ${flags.format} is not known: use ${tableFormats.join(', ')}`);
  const { findModels } = await import('./find-models.ts');
  const files = await findModels(paths);
  if (files.length === 0) throw new InputError(`no specs and no configs with a model_type in ${paths.join(', ')}`);
  const rows: ModelFacts[] = [];
  for (const file of files) rows.push(...(await factsOf(file)));
  process.stdout.write(renderTable(rows, format satisfies TableFormat));
  return rows.length === files.length ? exitCodes.clean : exitCodes.findings;
}

/** One, or none after printing what is wrong. Checkpoints are not read: what is counted is what the spec says. */
async function factsOf(file: string): Promise<readonly ModelFacts[]> {
  const { openModelSource, printRefusal } = await import('./model-source.ts');
  const { checkSpec } = await import('../compiler/pipeline.ts');
  const { parserOf, syntaxOf } = await import('../compiler/syntax/syntaxes.ts');
  const { modelFacts } = await import('../compiler/facts/model-facts.ts');
  const model = await openModelSource(file);
  if (model.source === undefined) {
    await printRefusal(model);
    return [];
  }
  const { shaped, diagnostics } = checkSpec(model.source, { parse: await parserOf(syntaxOf(model.source)) });
  if (shaped !== undefined) return [modelFacts(shaped)];
  const { renderAll } = await import('../compiler/diagnostics/render-text.ts');
  process.stderr.write(renderAll(diagnostics, paletteFor(process.stderr)));
  return [];
}
