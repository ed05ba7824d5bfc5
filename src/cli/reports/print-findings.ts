import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import type { Report } from '../../compiler/diagnostics/report.ts';
import { paletteFor } from '../output.ts';

/** Prints what is reported to it, for people, to standard error. */
export async function printFindings(find: (report: Report) => void): Promise<void> {
  const { collectDiagnostics } = await import('../../compiler/diagnostics/report.ts');
  const { report, diagnostics } = collectDiagnostics();
  find(report);
  await printDiagnostics(diagnostics());
}

/** Prints them for people, to standard error; nothing where there are none. */
export async function printDiagnostics(diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length === 0) return;
  const { renderAll } = await import('../../compiler/diagnostics/render-text.ts');
  process.stderr.write(renderAll(diagnostics, paletteFor(process.stderr)));
}
