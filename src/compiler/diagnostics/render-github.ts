import { positionAt } from '../source/positions.ts';
import type { Diagnostic } from './diagnostic.ts';
import { fullMessage } from './lint-report.ts';

const commands = Object.freeze({ error: 'error', warning: 'warning', info: 'notice' });

/**
 * Workflow commands of GitHub Actions, one a line: they become annotations of a pull request. Their columns count from 1, and the
 * end column is the last one that is marked.
 */
export function renderGithub(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((diagnostic) => `${annotation(diagnostic)}\n`).join('');
}

function annotation(diagnostic: Diagnostic): string {
  const { code, slug, severity, span } = diagnostic;
  const start = positionAt(span.file, span.start);
  const end = positionAt(span.file, Math.max(span.end - 1, span.start));
  const place = { line: start.line, endLine: end.line, col: start.column };
  const properties = {
    file: span.file.path,
    ...place,
    // GitHub refuses columns of a range over several lines.
    ...(start.line === end.line ? { endColumn: end.column } : {}),
    title: `${code} ${slug}`,
  };
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::${commands[severity]} ${list.join(',')}::${escapeData(fullMessage(diagnostic))}`;
}

function escapeData(text: string): string {
  const shown = text.replace(/[^\P{Cc}\r\n]/gu, '\ufffd');
  return shown.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
