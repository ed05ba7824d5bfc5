import { type BoundSpec, bind } from './check/bind.ts';
import { expandSpec, type ReadInclude } from './check/expand.ts';
import { inferShapes } from './check/infer-shapes.ts';
import { withFirstAttention } from './check/kinds/attention-kinds.ts';
import type { LayerKind } from './check/kinds/layer-kind.ts';
import { layerKinds } from './check/kinds/layer-kinds.ts';
import { checkShards } from './check/rules/shards.ts';
import { staysInside } from './check/rules/weights-file.ts';
import { checkSchema, reportNoSpec } from './check/schema.ts';
import type { ShapedSpec } from './check/shaped-spec.ts';
import type { CheckpointHeader } from './check/weights/checkpoint.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { applyIgnores, findIgnores } from './diagnostics/ignores.ts';
import { collectDiagnostics, type Report } from './diagnostics/report.ts';
import type { SourceFile } from './source/source.ts';
import type { Parse } from './syntax/syntaxes.ts';
import { isTextAt } from './syntax/text-spans.ts';
import type { SpecTree } from './syntax/tree.ts';
import { parseYaml } from './syntax/yaml.ts';

export interface CheckResult {
  /** Present exactly when there are no errors, ignored or not, and the spec is of one module. */
  readonly shaped?: ShapedSpec;
  /** One, or one for each of several `attentions`; none when there are errors. */
  readonly modules: readonly ShapedSpec[];
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
  /** Files that the spec includes; without it none can be had. */
  readonly readInclude?: ReadInclude;
  /** `parserOf` the syntax that the text is in; YAML's when left out. */
  readonly parse?: Parse;
}

/** The front half: text to a checked spec with every dimension known. Pure; never throws for what a user wrote. */
export function checkSpec(source: SourceFile, options: CheckOptions = {}): CheckResult {
  const { report: collect, diagnostics, hasErrors } = collectDiagnostics();
  const written = (options.parse ?? parseYaml)(source, collect);
  if (written === undefined || reportNoSpec(written, collect))
    return Object.freeze({ modules: [], diagnostics: diagnostics(), ignored: new Map() });
  const { tree, files, isWhole } = expandSpec(written, options.readInclude, collect);
  const report = isWhole ? collect : withoutMissing(collect);
  const bound = bind(checkSchema(withFirstAttention(tree), report));
  const kinds = layerKinds(tree, bound, report);
  const modules = inferShapes(bound, kinds, options.checkpoint, report);
  if (options.shards !== undefined) checkAllShards(kinds, modules, options.shards, report);
  if (!hasErrors()) for (const shaped of modules) options.checkBudgets?.(shaped, report);
  const ignored = resolveIgnores(files, { found: diagnostics(), allOfSpec: modules.length > 0, options }, report);
  const sound = hasErrors() ? [] : modules;
  const [shaped] = sound;
  return Object.freeze({
    bound,
    modules: sound,
    ...(shaped === undefined || sound.length > 1 ? {} : { shaped }),
    diagnostics: diagnostics().filter((one) => one.severity === 'error' || !ignored.has(one)),
    ignored,
  });
}

/** What is missing may be in a file that could not be had. */
function withoutMissing(report: Report): Report {
  return (code, ...finding) => {
    if (code !== 'SCH003' && code !== 'INC004') report(code, ...finding);
  };
}

/** Each kind of layer and each attention once. */
function checkAllShards(
  kinds: readonly LayerKind[],
  modules: readonly ShapedSpec[],
  shards: number,
  report: Report,
): void {
  for (const { spec, layers, isModule, named } of kinds) {
    const module = modules.find(({ part }) => !isModule || part === named?.name);
    const heads = module?.layers[layers[0] ?? 0]?.attention.heads;
    if (heads !== undefined) checkShards(spec, heads, shards, report);
  }
}

interface Findings {
  readonly found: readonly Diagnostic[];
  readonly allOfSpec: boolean;
  readonly options: CheckOptions;
}

/** After an error, other findings may have been held back as its consequences: no ignore is called idle then. */
function resolveIgnores(
  files: readonly SpecTree[],
  { found, allOfSpec, options }: Findings,
  report: Report,
): ReadonlyMap<Diagnostic, string> {
  const run = {
    allOfSpec: allOfSpec && !found.some(({ severity }) => severity === 'error'),
    withCheckpoint: options.checkpoint !== undefined,
    withShards: options.shards !== undefined,
    withTargets: options.checkBudgets !== undefined,
  };
  const ignores = files.flatMap((tree) => findIgnores(tree.span.file, (offset) => isTextAt(tree, offset)));
  return applyIgnores(ignores, found, run, report);
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
