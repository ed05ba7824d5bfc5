import { type BoundSpec, bind } from './check/bind.ts';
import type { CheckpointHeader } from './check/checkpoint.ts';
import { inferShapes } from './check/infer-shapes.ts';
import { staysInside } from './check/rules/weights-file.ts';
import { checkSchema } from './check/schema.ts';
import type { ShapedSpec } from './check/shaped-spec.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { collectDiagnostics } from './diagnostics/report.ts';
import type { SourceFile } from './source/source.ts';
import { parseYaml } from './syntax/yaml.ts';

export interface CheckResult {
  /** Present exactly when there are no errors. */
  readonly shaped?: ShapedSpec;
  /** Present when the text is a map, whatever else is wrong. */
  readonly bound?: BoundSpec;
  /** The most fundamental first. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The front half: text to a checked spec with every dimension known. Pure; never throws for what a user wrote. */
export function checkSpec(source: SourceFile, options: { readonly checkpoint?: CheckpointHeader } = {}): CheckResult {
  const { report, diagnostics, hasErrors } = collectDiagnostics();
  const tree = parseYaml(source, report);
  if (tree === undefined) return Object.freeze({ diagnostics: diagnostics() });
  const bound = bind(checkSchema(tree, report));
  const shaped = inferShapes(bound, options.checkpoint, report);
  return Object.freeze({
    bound,
    ...(shaped === undefined || hasErrors() ? {} : { shaped }),
    diagnostics: diagnostics(),
  });
}

/** `weights.file` of a spec, so that the caller can read the header that `checkSpec` takes; undefined when there is none to read. */
export function readWeightsFile(source: SourceFile): string | undefined {
  const { report } = collectDiagnostics();
  const tree = parseYaml(source, report);
  if (tree === undefined) return undefined;
  const file = bind(checkSchema(tree, report)).at('weights.file')?.value;
  return file !== undefined && staysInside(file) ? file : undefined;
}
