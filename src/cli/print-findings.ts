import type { Report } from '../compiler/diagnostics/report.ts';
import { paletteFor } from './output.ts';

/** Prints what is reported to it, for people, to standard error. */
export async function printFindings(find: (report: Report) => void): Promise<void> {
  const { collectDiagnostics } = await import('../compiler/diagnostics/report.ts');
  const { renderAll } = await import('../compiler/diagnostics/render-text.ts');
  const { report, diagnostics } = collectDiagnostics();
  find(report);
  process.stderr.write(renderAll(diagnostics(), paletteFor(process.stderr)));
}
