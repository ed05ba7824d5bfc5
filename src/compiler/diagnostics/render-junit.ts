import { positionAt } from '../source/positions.ts';
import type { Diagnostic } from './diagnostic.ts';
import { fullMessage, type LintReport } from './lint-report.ts';

/**
 * JUnit XML: a suite for each file, a test case for each of its findings, and one that passes for a file without any. What does
 * not make the run fail passes too, with its text as output.
 */
export function renderJunit({ files, diagnostics, warningsFail }: LintReport): string {
  const fails = ({ severity }: Diagnostic) => severity === 'error' || (severity === 'warning' && warningsFail);
  const suites = files.map((file) => {
    const own = diagnostics.filter(({ span }) => span.file.path === file);
    return { file, cases: own, failures: own.filter(fails).length };
  });
  const total = suites.reduce((sum, { cases }) => sum + Math.max(cases.length, 1), 0);
  const failures = suites.reduce((sum, suite) => sum + suite.failures, 0);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="gqac" tests="${total}" failures="${failures}" errors="0">`,
  ];
  for (const { file, cases, failures: failed } of suites) {
    const counts = `tests="${Math.max(cases.length, 1)}" failures="${failed}" errors="0" skipped="0"`;
    lines.push(`  <testsuite name="${escapeXml(file)}" ${counts}>`);
    if (cases.length === 0) lines.push(`    <testcase name="no findings" classname="${escapeXml(file)}"/>`);
    for (const one of cases) lines.push(...testCase(one, fails(one)));
    lines.push('  </testsuite>');
  }
  return `${[...lines, '</testsuites>'].join('\n')}\n`;
}

function testCase(diagnostic: Diagnostic, fails: boolean): readonly string[] {
  const { code, slug, severity, message, span } = diagnostic;
  const { line, column } = positionAt(span.file, span.start);
  const name = `${code} ${slug} (${line}:${column})`;
  const text = escapeXml(`${span.file.path}:${line}:${column}\n${fullMessage(diagnostic)}`);
  const body = fails
    ? `<failure type="${code}" message="${escapeXml(`${severity}[${code}]: ${message}`)}">${text}</failure>`
    : `<system-out>${escapeXml(`${severity}[${code}]`)} ${text}</system-out>`;
  return [
    `    <testcase name="${escapeXml(name)}" classname="${escapeXml(span.file.path)}">`,
    `      ${body}`,
    '    </testcase>',
  ];
}

const entities: Readonly<Record<string, string>> = Object.freeze({
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
});

/** XML 1.0 has no form at all for most control characters and for half a surrogate pair. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
