import type { Command } from 'commander';
import type { SourceFile } from '../../compiler/source/source.ts';
import type { Checked } from '../../lsp/server.ts';
import { InputError } from '../output.ts';

export function register(program: Command): void {
  program
    .command('lsp')
    .description('a language server for editors, over standard input and output')
    .option('--stdio', 'accepted because editors pass it: there is no other way')
    .action(runServer);
}

/** Ends when the client says so, or closes the input. */
async function runServer(): Promise<void> {
  const { createConnection } = await import('vscode-languageserver/node');
  const { dirname, join } = await import('node:path');
  const { fileURLToPath, pathToFileURL } = await import('node:url');
  const { serve } = await import('../../lsp/server.ts');
  serve(createConnection(process.stdin, process.stdout), {
    check,
    // Texts that are no files, such as new ones, have their URI in place of a path.
    pathOf: (uri) => (uri.startsWith('file:') ? fileURLToPath(uri) : uri),
    uriOf: (path) => (/^\w{2,}:/.test(path) ? path : pathToFileURL(path).href),
    beside: (path, from) => join(dirname(from), path),
  });
}

/** A part for others to include is no spec: only its syntax is looked at. */
async function check(source: SourceFile): Promise<Checked> {
  const { isPart, parserOf, syntaxOf } = await import('../../compiler/syntax/syntaxes.ts');
  if (isPart(source.path)) {
    const { collectDiagnostics } = await import('../../compiler/diagnostics/report.ts');
    const { report, diagnostics } = collectDiagnostics();
    (await parserOf(syntaxOf(source)))(source, report);
    return { diagnostics: diagnostics() };
  }
  const { checkSource } = await import('../files/spec-files.ts');
  try {
    const result = await checkSource(source, source.path, { several: true });
    return { diagnostics: result.diagnostics.filter((one) => !result.ignored.has(one)) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { diagnostics: [], problem: error.message };
  }
}
