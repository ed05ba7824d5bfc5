import type { Report } from '../diagnostics/report.ts';
import type { SourceFile } from '../source/source.ts';
import type { SpecTree } from './tree.ts';

export type Syntax = 'yaml' | 'dsl';

export type Parse = (source: SourceFile, report: Report) => SpecTree | undefined;

export const syntaxes: readonly Syntax[] = ['yaml', 'dsl'];

/** `.gqa` files are in the DSL, all others in YAML; standard input is in what its first line looks like. */
export function syntaxOf({ path, text }: SourceFile): Syntax {
  if (path.endsWith('.gqa')) return 'dsl';
  return path === '<stdin>' && beginsLikeDsl(text) ? 'dsl' : 'yaml';
}

/** A file for others to include, which is no spec by itself: `*.part.gqa.yaml` or `*.part.gqa`. */
export function isPart(path: string): boolean {
  return /\.part\.gqa(?:\.yaml)?$/.test(path);
}

/** `gqac 1` rather than `gqac: 1`. */
function beginsLikeDsl(text: string): boolean {
  const line = text.split(/\r?\n/).find((candidate) => !/^\s*(?:#|$)/.test(candidate));
  return line !== undefined && /^\s*[A-Za-z_]\w*\b\s*(?!:)(?=\S|$)/.test(line);
}

/** The parser of a syntax. Asynchronous because the one of the DSL is loaded only when a spec is written in it. */
export async function parserOf(syntax: Syntax): Promise<Parse> {
  return syntax === 'dsl' ? (await import('./dsl.ts')).parseDsl : (await import('./yaml.ts')).parseYaml;
}
