import type { Span } from '../source/source.ts';

export type Severity = 'error' | 'warning' | 'info';

/** One finding about the user's input. Frozen. */
export interface Diagnostic {
  readonly code: string;
  readonly slug: string;
  readonly severity: Severity;
  /** One sentence, lower case, no final full stop. */
  readonly message: string;
  readonly span: Span;
  /** What to say under the span. */
  readonly label?: string;
  /** A way out, in words. */
  readonly help?: string;
  readonly notes: readonly Note[];
  /** Edits that would each mend it; one of them is to be chosen. */
  readonly fixes: readonly Fix[];
}

/** A remark, on a place of its own where it has one. */
export interface Note {
  readonly span?: Span;
  readonly text: string;
}

export interface Fix {
  readonly title: string;
  readonly edits: readonly Edit[];
}

/** Replaces the text of a span. */
export interface Edit {
  readonly span: Span;
  readonly text: string;
}

export function note(span: Span | undefined, text: string): Note {
  return span === undefined ? { text } : { span, text };
}
