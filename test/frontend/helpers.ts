import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkBudgets } from '../../src/compiler/budget/check-budgets.ts';
import type { ReadInclude } from '../../src/compiler/check/expand.ts';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import type { CheckpointHeader } from '../../src/compiler/check/weights/checkpoint.ts';
import { allProfiles } from '../../src/compiler/compile.ts';
import type { Diagnostic } from '../../src/compiler/diagnostics/diagnostic.ts';
import type { Example } from '../../src/compiler/diagnostics/entry.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import type { Report } from '../../src/compiler/diagnostics/report.ts';
import { exportHf } from '../../src/compiler/export/hf/export-hf.ts';
import { onnxRefusals } from '../../src/compiler/export/onnx/refusals.ts';
import { reportHfRefusal, reportOnnxRefusals } from '../../src/compiler/export/report-refusals.ts';
import { type CheckResult, checkSpec } from '../../src/compiler/pipeline.ts';
import { defaultLimits, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import type { SourceFile } from '../../src/compiler/source/source.ts';
import { parseYaml } from '../../src/compiler/syntax/yaml.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const exampleNames = ['shakespeare-minimind-gqa', 'shakespeare-xt-mem-mqa'] as const;

export type Tensors = NonNullable<Example['tensors']>;

export function sourceOf(text: string): SourceFile {
  return { path: 'spec.yaml', text };
}

function header(
  tensors: Tensors,
  faults: CheckpointHeader['faults'] = [],
  metadata: Example['metadata'] = {},
): CheckpointHeader {
  const entries = Object.entries(tensors).map(([name, [dtype, ...shape]]) => [name, { dtype, shape }] as const);
  return { path: 'model.safetensors', tensors: new Map(entries), faults, metadata: new Map(Object.entries(metadata)) };
}

export function checkText(
  text: string,
  tensors?: Tensors,
  shards?: number,
  metadata?: Example['metadata'],
): CheckResult {
  return checkExample({
    spec: text,
    ...(tensors && { tensors }),
    ...(shards === undefined ? {} : { shards }),
    ...(metadata && { metadata }),
  });
}

/** Checks an example of the catalogue as the commands that it stands for would; `text` in place of its own. */
export function checkExample(example: Example, text = example.spec): CheckResult {
  const { files, tensors, metadata, shardFaults, shards, target, exportTo } = example;
  return checkSpec(sourceOf(text), {
    ...(files && { readInclude: readerOf(files) }),
    ...(tensors && { checkpoint: header(tensors, shardFaults, metadata) }),
    ...(shards === undefined ? {} : { shards }),
    ...(target && { checkBudgets: (shaped, report) => checkBudgets([profileOf(target)], shaped, report) }),
    // What a command does with a sound spec, whichever it is.
    ...(exportTo && { checkBudgets: (shaped, report) => reportExport(exportTo, shaped, report) }),
  });
}

function reportExport(exportTo: NonNullable<Example['exportTo']>, shaped: ShapedSpec, report: Report): void {
  const exported = exportTo === 'hf' ? exportHf(shaped) : undefined;
  if (exported === undefined) reportOnnxRefusals(shaped, onnxRefusals(shaped), report);
  else if (exported.kind === 'refused') reportHfRefusal(shaped, exported, false, report);
}

/** Files in memory; paths are as they are written in the spec. */
export function readerOf(files: Readonly<Record<string, string>>): ReadInclude {
  const sources = new Map(Object.entries(files).map(([path, text]) => [path, { path, text }]));
  return (path) => {
    const source = sources.get(path);
    return source === undefined ? { problem: 'cannot be read: no such file' } : { source, parse: parseYaml };
  };
}

function profileOf(target: NonNullable<Example['target']>): TargetProfile {
  const found =
    typeof target === 'string'
      ? allProfiles.find(({ id }) => id === target)
      : { id: 'example', doc: 'of an example', features: [], limits: { ...defaultLimits, ...target } };
  if (found === undefined) throw new Error(`there is no target ${String(target)}`);
  return found;
}

/** Checks a spec of one attention block, given the lines of its `attention` map. */
export function checkAttention(...lines: readonly string[]): CheckResult {
  return checkText(attention(...lines));
}

export function codesOf({ diagnostics }: CheckResult): readonly string[] {
  return diagnostics.map(({ code }) => code);
}

export function only(result: CheckResult): Diagnostic {
  const [first] = result.diagnostics;
  if (first === undefined || result.diagnostics.length !== 1) {
    throw new Error(
      `expected one diagnostic, got ${JSON.stringify(result.diagnostics.map(({ code, message }) => [code, message]))}`,
    );
  }
  return first;
}

/** What the user would see underlined. */
export function textAt({ span }: { readonly span: Diagnostic['span'] }): string {
  return span.file.text.slice(span.start, span.end);
}

/** The text after the nth fix. */
export function applyFix(text: string, { fixes }: Diagnostic, index = 0): string {
  const edits = [...(fixes[index]?.edits ?? [])].sort((a, b) => b.span.start - a.span.start);
  return edits.reduce(
    (result, { span, text: insert }) => result.slice(0, span.start) + insert + result.slice(span.end),
    text,
  );
}

export function exampleSpec(name: string): string {
  return readFileSync(`${root}examples/${name}/spec.yaml`, 'utf8');
}

/** The checkpoint header of an example, read without the product's own reader. */
export function exampleTensors(name: string): Tensors {
  const bytes = readFileSync(`${root}examples/${name}/model.safetensors`);
  const length = Number(bytes.readBigUInt64LE(0));
  const parsed: Record<string, { dtype: string; shape: number[] }> = JSON.parse(
    bytes.subarray(8, 8 + length).toString(),
  );
  const tensors: Record<string, readonly [string, ...number[]]> = {};
  for (const [key, { dtype, shape }] of Object.entries(parsed))
    if (key !== '__metadata__') tensors[key] = [dtype, ...shape];
  return tensors;
}
