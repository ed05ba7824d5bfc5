import type { Command } from 'commander';
import { InputError } from '../output.ts';

export function register(program: Command): void {
  program
    .command('explain')
    .description('say what a diagnostic means, with a failing and a mended example')
    .argument('<code>', 'code of a diagnostic, such as MEM001')
    .action(async (text: string) => {
      process.stdout.write(await page(text));
    });
}

async function page(text: string): Promise<string> {
  const { codes, isCode } = await import('../../compiler/diagnostics/catalogue.ts');
  const code = text.toUpperCase();
  if (isCode(code)) return (await import('../../compiler/diagnostics/pages.ts')).explain(code);
  const { explainImport, importRuleCodes, isImportCode } = await import('../../compiler/import/pages.ts');
  if (isImportCode(code)) return explainImport(code);
  const { callErrorCodes, explainCallError, isCallErrorCode } = await import(
    '../../compiler/diagnostics/call-errors.ts'
  );
  if (isCallErrorCode(code)) return explainCallError(code);
  const { suggest } = await import('../../compiler/check/suggest.ts');
  const near = suggest(code, [...codes, ...importRuleCodes, ...callErrorCodes]);
  throw new InputError(`no diagnostic ${text}: ${near === undefined ? 'see `gqac rules`' : `did you mean ${near}?`}`);
}
