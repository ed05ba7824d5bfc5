import { positionAt } from '../source/positions.ts';
import type { Position, Span } from '../source/source.ts';
import type { Diagnostic } from './diagnostic.ts';

export interface JsonReport {
  readonly schemaVersion: 1;
  readonly diagnostics: readonly JsonDiagnostic[];
  readonly summary: {
    readonly errors: number;
    readonly warnings: number;
    readonly infos: number;
    readonly files: number;
    /** Left out of `diagnostics`: silenced by a comment, and by a baseline. */
    readonly ignored: number;
    readonly known: number;
    /** Fixes that were applied before the check. */
    readonly fixed: number;
  };
}

export interface JsonDiagnostic {
  readonly code: string;
  readonly slug: string;
  readonly severity: string;
  readonly message: string;
  readonly label: string | null;
  readonly help: string | null;
  readonly file: string;
  readonly range: JsonRange;
  readonly notes: readonly { readonly message: string; readonly file?: string; readonly range?: JsonRange }[];
  readonly fixes: readonly {
    readonly title: string;
    readonly edits: readonly { readonly range: JsonRange; readonly text: string }[];
  }[];
}

/** Lines and columns from 1, offsets from 0, all in UTF-16 units; the end is not included. */
export interface JsonRange {
  readonly start: Position;
  readonly end: Position;
}

/** What was left out. */
export interface Silenced {
  readonly ignored?: number;
  readonly known?: number;
  readonly fixed?: number;
}

/** `files`: how many were checked. */
export function jsonReport(diagnostics: readonly Diagnostic[], files: number, silenced: Silenced = {}): JsonReport {
  const { ignored = 0, known = 0, fixed = 0 } = silenced;
  const count = (severity: string) => diagnostics.filter((one) => one.severity === severity).length;
  return {
    schemaVersion: 1,
    diagnostics: diagnostics.map(jsonDiagnostic),
    summary: {
      errors: count('error'),
      warnings: count('warning'),
      infos: count('info'),
      files,
      ignored,
      known,
      fixed,
    },
  };
}

function jsonDiagnostic({
  code,
  slug,
  severity,
  message,
  label,
  help,
  span,
  notes,
  fixes,
}: Diagnostic): JsonDiagnostic {
  return {
    code,
    slug,
    severity,
    message,
    label: label ?? null,
    help: help ?? null,
    file: span.file.path,
    range: rangeOf(span),
    notes: notes.map(({ text, span: place }) =>
      place === undefined ? { message: text } : { message: text, file: place.file.path, range: rangeOf(place) },
    ),
    fixes: fixes.map(({ title, edits }) => ({
      title,
      edits: edits.map((edit) => ({ range: rangeOf(edit.span), text: edit.text })),
    })),
  };
}

function rangeOf({ file, start, end }: Span): JsonRange {
  return { start: positionAt(file, start), end: positionAt(file, end) };
}
