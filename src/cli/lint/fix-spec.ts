import { type AppliedFix, fixText } from '../../compiler/diagnostics/fixes.ts';
import { type CheckOptions, checkSpec } from '../../compiler/pipeline.ts';
import { positionAt } from '../../compiler/source/positions.ts';
import type { SourceFile } from '../../compiler/source/source.ts';
import type { LintedSpec } from './lint-specs.ts';
import { reported } from './lint-specs.ts';

export interface FixedSpec {
  /** As it is after the fixes. */
  readonly spec: LintedSpec;
  readonly applied: readonly AppliedFix[];
}

/** Applies every safe fix to a spec in memory. What a comment ignores is left as it is. */
export function fixSpec(spec: LintedSpec): FixedSpec {
  const { text, applied } = fixText(spec.source, (source) => check(source, spec.checkedWith));
  if (applied.length === 0) return { spec, applied };
  const source: SourceFile = { path: spec.source.path, text };
  const result = checkSpec(source, spec.checkedWith);
  return { spec: { ...spec, source, diagnostics: reported(result), ignored: result.ignored }, applied };
}

function check(source: SourceFile, options: CheckOptions) {
  const result = checkSpec(source, options);
  const isReadable = result.bound !== undefined && !result.diagnostics.some(({ code }) => code.startsWith('SYN'));
  return { diagnostics: reported(result), isReadable };
}

export function describeFix({ diagnostic: { code, span }, title }: AppliedFix): string {
  const { line, column } = positionAt(span.file, span.start);
  return `${span.file.path}:${line}:${column}: fixed ${code}: ${title}`;
}
