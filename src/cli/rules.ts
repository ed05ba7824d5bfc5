import type { Command } from 'commander';
import { InputError } from './output.ts';

export function register(program: Command): void {
  program
    .command('rules')
    .description('list every diagnostic')
    .option('--format <format>', 'human or json', 'human')
    .action(async ({ format }: { readonly format: string }) => {
      if (format !== 'human' && format !== 'json')
        throw new InputError(`--format ${format} is not known: use human or json`);
      const { catalogue, codes } = await import('../compiler/diagnostics/catalogue.ts');
      const rules = codes.map((code) => {
        const { slug, severity, why } = catalogue[code];
        return { code, severity, slug, why };
      });
      const lines = rules.map(({ code, severity, slug }) => `${code.padEnd(8)} ${severity.padEnd(8)} ${slug}`);
      process.stdout.write(
        format === 'json' ? `${JSON.stringify({ schemaVersion: 1, rules }, null, 2)}\n` : `${lines.join('\n')}\n`,
      );
    });
}
