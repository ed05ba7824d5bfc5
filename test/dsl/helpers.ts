import type { Diagnostic } from '../../src/compiler/diagnostics/diagnostic.ts';
import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { formatSpec } from '../../src/compiler/syntax/format.ts';
import { parserOf, type Syntax } from '../../src/compiler/syntax/syntaxes.ts';
import { type SpecTree, toPlain } from '../../src/compiler/syntax/tree.ts';

const parsers = { yaml: await parserOf('yaml'), dsl: await parserOf('dsl') };

export interface Parsed {
  readonly tree: SpecTree | undefined;
  /** Undefined when there is no tree. */
  readonly plain: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly codes: readonly string[];
}

export function parse(text: string, syntax: Syntax = 'dsl'): Parsed {
  const { report, diagnostics } = collectDiagnostics();
  const tree = parsers[syntax]({ path: syntax === 'dsl' ? 'spec.gqa' : 'spec.yaml', text }, report);
  const found = diagnostics();
  const plain = tree === undefined ? undefined : toPlain(tree);
  return { tree, plain, diagnostics: found, codes: found.map(({ code }) => code) };
}

/** @throws when the text is not formatted. */
export async function format(text: string, from: Syntax, to?: Syntax): Promise<string> {
  const { report, diagnostics } = collectDiagnostics();
  const result = await formatSpec({ path: 'spec', text }, { from, ...(to && { to }) }, report);
  if (result.kind === 'text') return result.text;
  throw new Error(`${result.kind}: ${JSON.stringify([result, diagnostics().map(({ message }) => message), text])}`);
}

/** Comments of a text that has `#` nowhere else, sorted. */
export function commentsOf(text: string): readonly string[] {
  return (text.match(/#.*/g) ?? []).map((comment) => comment.trimEnd()).sort();
}
