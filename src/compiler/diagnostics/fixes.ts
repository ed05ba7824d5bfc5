import type { SourceFile } from '../source/source.ts';
import type { Diagnostic, Edit, Fix } from './diagnostic.ts';

/** What a check of a text found; `isReadable` when all of it was understood as far as its syntax goes. */
export interface Checked {
  readonly diagnostics: readonly Diagnostic[];
  readonly isReadable: boolean;
}

export interface AppliedFix {
  readonly diagnostic: Diagnostic;
  readonly title: string;
}

export interface FixedText {
  readonly text: string;
  /** In the order of application; spans are of the text of their pass. */
  readonly applied: readonly AppliedFix[];
}

const maxPasses = 10;

/**
 * Applies safe fixes again and again until there are none, or ten times. A fix is safe when it is the only one of its diagnostic:
 * of several, which is meant is for the author to say. Overlapping edits wait for the next pass, and an edit after which the
 * text could no longer be read is not made.
 */
export function fixText(source: SourceFile, check: (source: SourceFile) => Checked): FixedText {
  let text = source.text;
  const applied: AppliedFix[] = [];
  const seen = new Set([text]);
  for (let pass = 0; pass < maxPasses; pass += 1) {
    const current: SourceFile = { path: source.path, text };
    const chosen = chooseFixes(current, check);
    const next = applyEdits(text, editsOf(chosen));
    // A text that was there before would come again and again: two rules disagree, and people must decide.
    if (chosen.length === 0 || seen.has(next)) break;
    seen.add(next);
    text = next;
    applied.push(...chosen.map(({ diagnostic, fix: { title } }) => ({ diagnostic, title })));
  }
  return { text, applied };
}

interface Candidate {
  readonly diagnostic: Diagnostic;
  readonly fix: Fix;
}

function chooseFixes(source: SourceFile, check: (source: SourceFile) => Checked): readonly Candidate[] {
  const isReadableWith = (candidates: readonly Candidate[]) =>
    check({ path: source.path, text: applyEdits(source.text, editsOf(candidates)) }).isReadable;
  const safe = check(source).diagnostics.flatMap((diagnostic) => {
    const fix = safeFix(diagnostic, source);
    return fix === undefined ? [] : [{ diagnostic, fix }];
  });
  const apart = safe.filter((candidate, index) => {
    const earlier = safe.slice(0, index);
    return !earlier.some((one) => overlap(one.fix, candidate.fix));
  });
  if (apart.length === 0 || isReadableWith(apart)) return apart;
  const kept: Candidate[] = [];
  for (const candidate of apart) if (isReadableWith([...kept, candidate])) kept.push(candidate);
  return kept;
}

/** The only fix of a diagnostic, when all of it is in this file. */
function safeFix({ fixes }: Diagnostic, { path }: SourceFile): Fix | undefined {
  const [fix, other] = fixes;
  if (fix === undefined || other !== undefined) return undefined;
  return fix.edits.every(({ span }) => span.file.path === path) ? fix : undefined;
}

/** Two insertions at one place overlap too: their order is nobody's choice. */
function overlap(a: Fix, b: Fix): boolean {
  return a.edits.some((one) => b.edits.some((other) => touch(one, other)));
}

function touch({ span: a }: Edit, { span: b }: Edit): boolean {
  return a.start === b.start || (a.start < b.end && b.start < a.end);
}

function editsOf(candidates: readonly Candidate[]): readonly Edit[] {
  return candidates.flatMap(({ fix }) => fix.edits);
}

/** The text after edits that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const ordered = [...edits].sort((a, b) => a.span.start - b.span.start);
  let result = '';
  let at = 0;
  for (const { span, text: inserted } of ordered) {
    result += text.slice(at, span.start) + inserted;
    at = span.end;
  }
  return result + text.slice(at);
}
