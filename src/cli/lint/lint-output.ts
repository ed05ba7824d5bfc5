import manifest from '../../../package.json' with { type: 'json' };
import type { LintReport } from '../../compiler/diagnostics/lint-report.ts';
import { countOf, paletteFor } from '../output.ts';

export type LintFormat = 'human' | 'json' | 'sarif' | 'github' | 'junit';

/** For people on standard error; for programs on standard output. Each format is loaded when it is asked for. */
export async function printReport(report: LintReport, format: LintFormat): Promise<void> {
  if (format === 'human') process.stderr.write(await human(report));
  else process.stdout.write(await texts[format](report));
}

const texts: Readonly<Record<Exclude<LintFormat, 'human'>, (report: LintReport) => Promise<string>>> = {
  json: async ({ diagnostics, files, ignored, known, fixed }) => {
    const { jsonReport } = await import('../../compiler/diagnostics/render-json.ts');
    return json(jsonReport(diagnostics, files.length, { ignored: ignored.size, known: known.length, fixed }));
  },
  sarif: async (report) => {
    const { sarifLog } = await import('../../compiler/diagnostics/render-sarif.ts');
    return json(sarifLog(report, manifest.version));
  },
  github: async ({ diagnostics }) => {
    const { renderGithub } = await import('../../compiler/diagnostics/render-github.ts');
    return renderGithub(diagnostics);
  },
  junit: async (report) => {
    const { renderJunit } = await import('../../compiler/diagnostics/render-junit.ts');
    return renderJunit(report);
  },
};

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function human({ diagnostics, files, ignored, known }: LintReport): Promise<string> {
  const left = [
    ...(ignored.size > 0 ? [`${ignored.size} ignored`] : []),
    ...(known.length > 0 ? [`${known.length} in the baseline`] : []),
  ];
  if (diagnostics.length > 0) {
    const { renderAll } = await import('../../compiler/diagnostics/render-text.ts');
    const silenced = left.length > 0 ? `left out: ${left.join(', ')}\n` : '';
    return renderAll(diagnostics, paletteFor(process.stderr)) + silenced;
  }
  if (files.length === 0) return '';
  return `${countOf(files.length, 'spec')} checked, no findings${left.length > 0 ? ` but ${left.join(', ')}` : ''}\n`;
}
