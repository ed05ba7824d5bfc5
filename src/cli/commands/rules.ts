import type { Command } from 'commander';
import type { Entry } from '../../compiler/diagnostics/entry.ts';
import { InputError } from '../output.ts';

interface Rule {
  readonly code: string;
  readonly severity: string;
  readonly slug: string;
  readonly why: string;
  /** Where it went wrong for real. */
  readonly issue: string | null;
}

export function register(program: Command): void {
  program
    .command('rules')
    .description('list every diagnostic')
    .option('--format <format>', Object.keys(printers).join(', '), 'human')
    .action(async ({ format }: { readonly format: string }) => {
      if (!isFormat(format))
        throw new InputError(`--format ${format} is not known: use one of ${Object.keys(printers).join(', ')}`);
      process.stdout.write(printers[format](await allRules()));
    });
}

async function allRules(): Promise<readonly Rule[]> {
  const { catalogue, codes } = await import('../../compiler/diagnostics/catalogue.ts');
  const { importCodes } = await import('../../compiler/import/draft.ts');
  const { importEntries, importRuleCodes } = await import('../../compiler/import/pages.ts');
  const ofSpecs = codes.map((code) => {
    const { severity, slug, why, issue }: Entry<never> = catalogue[code];
    return { code, severity, slug, why, issue: issue ?? null };
  });
  const ofImports = importRuleCodes.map((code) => {
    const { slug, why } = importEntries[code];
    return { code, severity: importCodes[code].severity, slug, why, issue: null };
  });
  const { callErrorRules } = await import('../../compiler/diagnostics/call-errors.ts');
  const ofCalls = callErrorRules.map(({ code, severity, slug, why, issue }) => ({ code, severity, slug, why, issue }));
  return [...ofSpecs, ...ofImports, ...ofCalls];
}

const printers = {
  human: (rules: readonly Rule[]) =>
    rules.map(({ code, severity, slug }) => `${code.padEnd(8)} ${severity.padEnd(8)} ${slug}\n`).join(''),
  json: (rules: readonly Rule[]) => `${JSON.stringify({ schemaVersion: 1, rules }, null, 2)}\n`,
  markdown: (rules: readonly Rule[]) => {
    const rows = rules.map(({ code, severity, slug, why }) => [code, severity, slug, why].map(cell).join(' | '));
    return [
      '| code | severity | name | why |',
      '| --- | --- | --- | --- |',
      ...rows.map((row) => `| ${row} |`),
      '',
    ].join('\n');
  },
};

function isFormat(name: string): name is keyof typeof printers {
  return Object.hasOwn(printers, name);
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|');
}
