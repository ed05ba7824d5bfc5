import { positionAt } from '../source/positions.ts';
import type { Span } from '../source/source.ts';
import { hashOf } from './baseline.ts';
import { catalogue, isCode } from './catalogue.ts';
import type { Diagnostic, Fix, Note } from './diagnostic.ts';
import type { Entry } from './entry.ts';
import { fullMessage, type LintReport } from './lint-report.ts';
import { explain } from './pages.ts';

const levels = Object.freeze({ error: 'error', warning: 'warning', info: 'note' });

/** SARIF 2.1.0, as a plain value: one run, with what is silenced as suppressed results. `version`: of gqac. */
export function sarifLog({ diagnostics, ignored, known }: LintReport, version: string): object {
  const all = [...diagnostics, ...ignored.keys(), ...known];
  const codes = [...new Set(all.map(({ code }) => code))].sort();
  const result = (diagnostic: Diagnostic, suppression?: object) => ({
    ruleId: diagnostic.code,
    ruleIndex: codes.indexOf(diagnostic.code),
    level: levels[diagnostic.severity],
    message: { text: fullMessage(diagnostic) },
    locations: [{ physicalLocation: place(diagnostic.span) }],
    ...relatedLocations(diagnostic.notes),
    partialFingerprints: { 'gqac/v1': hashOf(`${diagnostic.code}\n${diagnostic.message}`) },
    ...(diagnostic.fixes.length === 0 ? {} : { fixes: diagnostic.fixes.map(fix) }),
    // An empty list says that suppressions are known of, and that there is none here.
    suppressions: suppression === undefined ? [] : [suppression],
  });
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'gqac', version, rules: codes.map(rule) } },
        columnKind: 'utf16CodeUnits',
        invocations: [{ executionSuccessful: true }],
        results: [
          ...diagnostics.map((one) => result(one)),
          ...[...ignored].map(([one, reason]) =>
            result(one, { kind: 'inSource', ...(reason === '' ? {} : { justification: reason }) }),
          ),
          ...known.map((one) => result(one, { kind: 'external', justification: 'in the baseline' })),
        ],
      },
    ],
  };
}

function rule(code: string): object {
  if (!isCode(code)) return { id: code };
  const { slug, severity, why }: Entry<never> = catalogue[code];
  const page = explain(code);
  return {
    id: code,
    name: slug,
    shortDescription: { text: slug.replaceAll('-', ' ') },
    fullDescription: { text: why },
    help: { text: page, markdown: page },
    defaultConfiguration: { level: levels[severity] },
  };
}

function place({ file, start, end }: Span): object {
  return { artifactLocation: { uri: uriOf(file.path) }, region: region({ file, start, end }) };
}

function region({ file, start, end }: Span): object {
  const from = positionAt(file, start);
  const to = positionAt(file, end);
  return { startLine: from.line, startColumn: from.column, endLine: to.line, endColumn: to.column };
}

function relatedLocations(notes: readonly Note[]): object {
  const located = notes.flatMap(({ span, text }) =>
    span === undefined ? [] : [{ physicalLocation: place(span), message: { text } }],
  );
  return located.length === 0 ? {} : { relatedLocations: located.map((one, id) => ({ id, ...one })) };
}

function fix({ title, edits }: Fix): object {
  const paths = [...new Set(edits.map(({ span }) => span.file.path))];
  return {
    description: { text: title },
    artifactChanges: paths.map((path) => ({
      artifactLocation: { uri: uriOf(path) },
      replacements: edits
        .filter(({ span }) => span.file.path === path)
        .map(({ span, text }) => ({ deletedRegion: region(span), insertedContent: { text } })),
    })),
  };
}

/** Relative paths stay relative: readers resolve them from the root of the checkout. */
function uriOf(path: string): string {
  const segments = path
    .replaceAll('\\', '/')
    .replace(/^\.\//, '')
    .replace(/\p{Cs}/gu, '\ufffd')
    .split('/');
  const uri = segments.map((segment) => encodeURIComponent(segment)).join('/');
  if (uri.startsWith('/')) return `file://${uri}`;
  return /^[A-Za-z]%3A\//.test(uri) ? `file:///${uri.replace('%3A', ':')}` : uri;
}
