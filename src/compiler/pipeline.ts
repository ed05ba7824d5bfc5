import { type BoundSpec, bind } from './check/bind.ts';
import type { CheckpointHeader } from './check/checkpoint.ts';
import { inferShapes } from './check/infer-shapes.ts';
import { layerKinds } from './check/layer-kinds.ts';
import { checkShards } from './check/rules/shards.ts';
import { staysInside } from './check/rules/weights-file.ts';
import { checkSchema } from './check/schema.ts';
import type { ShapedSpec } from './check/shaped-spec.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { applyIgnores, findIgnores } from './diagnostics/ignores.ts';
import { collectDiagnostics, type Report } from './diagnostics/report.ts';
import type { SourceFile } from './source/source.ts';
import type { Parse } from './syntax/syntaxes.ts';
import { isTextAt } from './syntax/text-spans.ts';
import type { SpecTree } from './syntax/tree.ts';
import { parseYaml } from './syntax/yaml.ts';

export interface CheckResult {
  /** Present exactly when there are no errors, ignored or not. */
  readonly shaped?: ShapedSpec;
  /** Present when the text is a map, whatever else is wrong. */
  readonly bound?: BoundSpec;
  /** The most fundamental first. Ignored errors are among them, for they keep a spec from being built; ignored warnings are not. */
  readonly diagnostics: readonly Diagnostic[];
  /** What a comment ignores, with its reason. A linter leaves these out. */
  readonly ignored: ReadonlyMap<Diagnostic, string>;
}

export interface CheckOptions {
  /** The weights are compared with it. */
  readonly checkpoint?: CheckpointHeader;
  /** Can the heads be spread over so many devices? An integer from 1. */
  readonly shards?: number;
  /** Does what the spec becomes run on the targets that are meant? `checkBudgets` of them; asked when nothing else is wrong. */
  readonly checkBudgets?: (shaped: ShapedSpec, report: Report) => void;
  /** `parserOf` the syntax that the text is in; YAML's when left out. */
  readonly parse?: Parse;
}

/** The front half: text to a checked spec with every dimension known. Pure; never throws for what a user wrote. */
export function checkSpec(source: SourceFile, options: CheckOptions = {}): CheckResult {
  const { report, diagnostics, hasErrors } = collectDiagnostics();
  const tree = (options.parse ?? parseYaml)(source, report);
  if (tree === undefined) return Object.freeze({ diagnostics: diagnostics(), ignored: new Map() });
  const bound = bind(checkSchema(tree, report));
  const kinds = layerKinds(tree, bound, report);
  const shaped = inferShapes(bound, kinds, options.checkpoint, report);
  for (const { spec, layers } of kinds) {
    const heads = shaped?.layers[layers[0] ?? 0]?.attention.heads;
    if (heads !== undefined && options.shards !== undefined) checkShards(spec, heads, options.shards, report);
  }
  if (shaped !== undefined && !hasErrors()) options.checkBudgets?.(shaped, report);
  const ignored = resolveIgnores(
    source,
    tree,
    { found: diagnostics(), allOfSpec: shaped !== undefined, options },
    report,
  );
  return Object.freeze({
    bound,
    ...(shaped === undefined || hasErrors() ? {} : { shaped }),
    diagnostics: diagnostics().filter((one) => one.severity === 'error' || !ignored.has(one)),
    ignored,
  });
}

interface Findings {
  readonly found: readonly Diagnostic[];
  readonly allOfSpec: boolean;
  readonly options: CheckOptions;
}

/** After an error, other findings may have been held back as its consequences: no ignore is called idle then. */
function resolveIgnores(
  source: SourceFile,
  tree: SpecTree,
  { found, allOfSpec, options }: Findings,
  report: Report,
): ReadonlyMap<Diagnostic, string> {
  const run = {
    allOfSpec: allOfSpec && !found.some(({ severity }) => severity === 'error'),
    withCheckpoint: options.checkpoint !== undefined,
    withShards: options.shards !== undefined,
    withTargets: options.checkBudgets !== undefined,
  };
  return applyIgnores(
    findIgnores(source, (offset) => isTextAt(tree, offset)),
    found,
    run,
    report,
  );
}

/** `weights.file` of a spec that was checked without its checkpoint. */
export function weightsFileOf({ bound }: CheckResult): string | undefined {
  const file = bound?.at('weights.file')?.value;
  return file !== undefined && staysInside(file) ? file : undefined;
}

/** `weights.file` of a spec, so that the caller can read the header that `checkSpec` takes; undefined when there is none to read. */
export function readWeightsFile(source: SourceFile, options: CheckOptions = {}): string | undefined {
  return weightsFileOf(checkSpec(source, options));
}
