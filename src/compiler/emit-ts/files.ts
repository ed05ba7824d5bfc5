import { ts } from 'ts-morph';
import type { Compiled } from '../compile.ts';
import { kernelTexts } from './kernel-texts.ts';
import { emitManifest } from './manifest.ts';
import { emitModule } from './module.ts';
import { headline, type Origin } from './origin.ts';

/** `path` is relative to the output folder, with forward slashes. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** `ts`: one TypeScript module. `js`: the same as JavaScript with declarations, for projects without a TypeScript step. */
export type EmitLanguage = 'ts' | 'js';

/** In: a compiled module. Out: every file that `gqac build` writes, in a fixed order; the same input gives the same bytes. */
export function emitFiles(compiled: Compiled, origin: Origin, language: EmitLanguage): readonly GeneratedFile[] {
  const { definition } = compiled;
  const source = emitModule(definition, origin);
  const kernels = kernelTexts(definition).texts.map(({ name, code }) => ({
    path: `wgsl/${name}.wgsl`,
    text: `// ${headline(origin)}\n${code}`,
  }));
  return [
    ...(language === 'ts' ? [{ path: `${definition.name}.ts`, text: source }] : javascript(definition.name, source)),
    { path: `${definition.name}.manifest.json`, text: emitManifest(compiled, origin) },
    ...kernels,
  ];
}

function javascript(name: string, source: string): readonly GeneratedFile[] {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, removeComments: false };
  return [
    { path: `${name}.js`, text: ts.transpileModule(source, { compilerOptions }).outputText },
    { path: `${name}.d.ts`, text: ts.transpileDeclaration(source, { compilerOptions }).outputText },
  ];
}
