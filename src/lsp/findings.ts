import {
  type CodeAction,
  CodeActionKind,
  DiagnosticSeverity,
  DiagnosticTag,
  type Diagnostic as Finding,
  type Range,
  type TextEdit,
} from 'vscode-languageserver/node';
import type { Diagnostic, Fix } from '../compiler/diagnostics/diagnostic.ts';
import { locationOf } from './definition.ts';
import { fileStart, rangeOf } from './ranges.ts';

type UriOf = (path: string) => string;

const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  info: DiagnosticSeverity.Information,
} as const;

/** A diagnostic as the protocol has it: the help is part of the message, notes with a place are related information. */
export function findingOf(diagnostic: Diagnostic, uriOf: UriOf): Finding {
  const { code, severity, span, notes } = diagnostic;
  const remarks = notes.flatMap((one) => (one.span === undefined ? [`note: ${one.text}`] : []));
  const help = diagnostic.help === undefined ? [] : [`help: ${diagnostic.help}`];
  const related = notes.flatMap((one) =>
    one.span === undefined ? [] : [{ location: locationOf(one.span, uriOf), message: one.text }],
  );
  return {
    range: rangeOf(span),
    severity: severities[severity],
    code,
    source: 'gqac',
    message: [diagnostic.message, ...help, ...remarks].join('\n'),
    ...(related.length > 0 && { relatedInformation: related }),
    ...(code === 'OPT002' && { tags: [DiagnosticTag.Unnecessary] }),
  };
}

/** What keeps a spec from being checked to the end, at its beginning. */
export function problemFinding(message: string): Finding {
  return { range: fileStart, severity: DiagnosticSeverity.Warning, source: 'gqac', message };
}

/** The fixes of findings that touch a range. */
export function actionsIn(diagnostics: readonly Diagnostic[], range: Range, uriOf: UriOf): readonly CodeAction[] {
  return diagnostics
    .filter(({ span }) => touches(rangeOf(span), range))
    .flatMap((diagnostic) => diagnostic.fixes.map((fix) => actionOf(diagnostic, fix, uriOf)));
}

function actionOf(diagnostic: Diagnostic, { title, edits }: Fix, uriOf: UriOf): CodeAction {
  const changes: Record<string, TextEdit[]> = {};
  for (const { span, text } of edits) {
    const uri = uriOf(span.file.path);
    changes[uri] = [...(changes[uri] ?? []), { range: rangeOf(span), newText: text }];
  }
  return {
    title,
    kind: CodeActionKind.QuickFix,
    diagnostics: [findingOf(diagnostic, uriOf)],
    isPreferred: diagnostic.fixes.length === 1,
    edit: { changes },
  };
}

function touches(a: Range, b: Range): boolean {
  return !isBefore(a.end, b.start) && !isBefore(b.end, a.start);
}

function isBefore(a: Range['start'], b: Range['start']): boolean {
  return a.line < b.line || (a.line === b.line && a.character < b.character);
}
