/** The compiler as a library: pure functions over text, no files, no clock, no GPU. Runs in Node and in browsers. */
import type { Compiled } from './compile.ts';
import type { EmitLanguage, GeneratedFile } from './emit-ts/files.ts';
import type { Origin } from './emit-ts/origin.ts';

export type { ShapedSpec } from './check/shaped-spec.ts';
export type { CheckpointHeader, CheckpointTensor } from './check/weights/checkpoint.ts';
export { allProfiles, type Compiled, compileModule } from './compile.ts';
export { type Code, catalogue, codes } from './diagnostics/catalogue.ts';
export type { Diagnostic } from './diagnostics/diagnostic.ts';
export { type JsonReport, jsonReport } from './diagnostics/render-json.ts';
export { noColours, type Palette, renderAll } from './diagnostics/render-text.ts';
export type { EmitLanguage, GeneratedFile } from './emit-ts/files.ts';
export type { Origin } from './emit-ts/origin.ts';
export type { ImportNote, ImportOptions, ImportResult } from './import/draft.ts';
export { importConfig, type SourceSystem, sourceSystems } from './import/import-config.ts';
export { type CheckOptions, type CheckResult, checkSpec, readWeightsFile } from './pipeline.ts';
export type { SourceFile, Span } from './source/source.ts';
export { type Formatted, formatSpec } from './syntax/format.ts';
export { type PrintableSpec, type PrintOptions, printYaml } from './syntax/print.ts';
export { type Parse, parserOf, type Syntax, syntaxOf } from './syntax/syntaxes.ts';

/** Every file of a generated module. Asynchronous because the TypeScript printer is loaded only now. */
export async function emitFiles(
  compiled: Compiled,
  origin: Origin,
  language: EmitLanguage = 'ts',
): Promise<readonly GeneratedFile[]> {
  const emitter = await import('./emit-ts/files.ts');
  return emitter.emitFiles(compiled, origin, language);
}
