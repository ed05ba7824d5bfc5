import type { Command } from 'commander';
import { InputError } from './output.ts';

export function register(program: Command): void {
  program
    .command('explain')
    .description('say what a diagnostic means, with a failing and a mended spec')
    .argument('<code>', 'code of a diagnostic, such as MEM001')
    .action(async (text: string) => {
      const { codes, isCode } = await import('../compiler/diagnostics/catalogue.ts');
      const { explain } = await import('../compiler/diagnostics/pages.ts');
      const code = text.toUpperCase();
      if (!isCode(code)) {
        const { suggest } = await import('../compiler/check/suggest.ts');
        const near = suggest(code, codes);
        throw new InputError(
          `no diagnostic ${text}: ${near === undefined ? 'see `gqac rules`' : `did you mean ${near}?`}`,
        );
      }
      process.stdout.write(explain(code));
    });
}
