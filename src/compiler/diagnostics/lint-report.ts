import type { Diagnostic } from './diagnostic.ts';

/** What a run of the linter has to say, for every output format. */
export interface LintReport {
  /** Paths of all files that were checked, in the order of the run. */
  readonly files: readonly string[];
  /** What is to be reported, file by file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Silenced by a comment, with the comment's reason. */
  readonly ignored: ReadonlyMap<Diagnostic, string>;
  /** Silenced by a baseline. */
  readonly known: readonly Diagnostic[];
  /** How many fixes were applied before. */
  readonly fixed: number;
  /** The run fails because of its warnings. */
  readonly warningsFail: boolean;
}

/** The message, then the way out and the remarks that have no place of their own. */
export function fullMessage({ message, help, notes }: Diagnostic): string {
  const remarks = notes.filter(({ span }) => span === undefined).map(({ text }) => `note: ${text}`);
  return [message, ...(help === undefined ? [] : [`help: ${help}`]), ...remarks].join('\n');
}
