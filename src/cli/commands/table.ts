import type { Command } from 'commander';
import type { ModelFacts } from '../../compiler/facts/model-facts.ts';
import type { TableFormat } from '../../compiler/facts/table.ts';
import { exitCodes, InputError, paletteFor } from '../output.ts';

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
  const { renderTable, tableFormats } = await import('../../compiler/facts/table.ts');
  const format = tableFormats.find((known) => known === flags.format);
  if (format === undefined)
    throw new InputError(`--format ${flags.format} is not known: use ${tableFormats.join(', ')}`);
  const { findModels } = await import('../files/find-models.ts');
  const files = await findModels(paths);
  if (files.length === 0) throw new InputError(`no specs and no configs with a model_type in ${paths.join(', ')}`);
  const { checkModel } = await import('../run/model-source.ts');
  const { modelFacts } = await import('../../compiler/facts/model-facts.ts');
  const rows: ModelFacts[] = [];
  for (const file of files) {
    const shaped = await checkModel(file, paletteFor(process.stderr));
    if (shaped !== undefined) rows.push(modelFacts(shaped));
  }
  process.stdout.write(renderTable(rows, format satisfies TableFormat));
  return rows.length === files.length ? exitCodes.clean : exitCodes.findings;
}
