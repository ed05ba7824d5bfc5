import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import type { CheckOptions, CheckResult } from '../../compiler/pipeline.ts';
import type { SourceFile } from '../../compiler/source/source.ts';
import { type LoadOptions, loadSpec } from '../files/spec-files.ts';
import { InputError } from '../output.ts';

/** What a linter keeps of a checked spec: not its tree and shapes, for there may be thousands. */
export interface LintedSpec {
  readonly path: string;
  readonly source: SourceFile;
  readonly checkedWith: CheckOptions;
  /** Without what a comment ignores. */
  readonly diagnostics: readonly Diagnostic[];
  readonly ignored: ReadonlyMap<Diagnostic, string>;
}

export interface LintedSpecs {
  /** In the order of the paths. */
  readonly specs: readonly LintedSpec[];
  readonly unreadable: readonly InputError[];
}

/** Files read at a time; the checks themselves take turns. */
const lanes = 16;

/** Every spec is checked before an input that cannot be read is reported. */
export async function lintSpecs(paths: readonly string[], options: LoadOptions): Promise<LintedSpecs> {
  const outcomes: (LintedSpec | InputError)[] = new Array(paths.length);
  const queue = paths.entries();
  const work = async () => {
    for (const [index, path] of queue) outcomes[index] = await lintSpec(path, options);
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return {
    specs: outcomes.filter((one): one is LintedSpec => !(one instanceof InputError)),
    unreadable: outcomes.filter((one) => one instanceof InputError),
  };
}

async function lintSpec(path: string, options: LoadOptions): Promise<LintedSpec | InputError> {
  try {
    const result = await loadSpec(path, { ...options, several: true });
    const { source, checkedWith, ignored } = result;
    return { path, source, checkedWith, diagnostics: reported(result), ignored };
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

export function reported({ diagnostics, ignored }: CheckResult): readonly Diagnostic[] {
  return diagnostics.filter((one) => !ignored.has(one));
}
