import { collectDiagnostics, type Report } from '../diagnostics/report.ts';
import type { SourceFile } from '../source/source.ts';
import { layoutOf } from './attach-comments.ts';
import { type Comment, readYamlExtras } from './comments.ts';
import type { MapLayout } from './layout.ts';
import { parserOf, type Syntax } from './syntaxes.ts';
import { type SpecTree, toPlain } from './tree.ts';

export type Formatted =
  | { readonly kind: 'text'; readonly text: string }
  /** Reported as a diagnostic. */
  | { readonly kind: 'malformed' }
  /** Formatting would change more than the layout; `reason` follows "not formatted:". */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * A spec in canonical form: keys and comments in the order written, one space where one is enough. The text that comes back
 * has the same tree. Anchors and aliases are refused, unless they are to be written out.
 */
export async function formatSpec(
  source: SourceFile,
  { from, to = from }: { readonly from: Syntax; readonly to?: Syntax },
  report: Report,
  options: { readonly writeOutAnchors?: boolean } = {},
): Promise<Formatted> {
  const tree = await soundTree(source, from, report);
  if (tree === undefined) return { kind: 'malformed' };
  const { comments, hasAnchors } = await readExtras(source.text, from);
  if (hasAnchors && !options.writeOutAnchors)
    return { kind: 'refused', reason: 'its anchors would be written out: --to yaml prints it so' };
  const text = await print(layoutOf(tree, comments), to);
  const isSame = await isSameSpec(text, to, tree, comments);
  return isSame
    ? { kind: 'text', text }
    : { kind: 'refused', reason: `it has no form as ${to} within the limits of a spec` };
}

/** Undefined after any error, such as a key that is written twice, even if the parser has a tree. */
async function soundTree(source: SourceFile, syntax: Syntax, report: Report): Promise<SpecTree | undefined> {
  const parse = await parserOf(syntax);
  let isSound = true;
  const tree = parse(source, (...finding) => {
    isSound = false;
    report(...finding);
  });
  return isSound ? tree : undefined;
}

async function readExtras(
  text: string,
  syntax: Syntax,
): Promise<{ readonly comments: readonly Comment[]; readonly hasAnchors: boolean }> {
  if (syntax === 'yaml') return readYamlExtras(text);
  const { readDslComments } = await import('./dsl-comments.ts');
  return { comments: readDslComments(text), hasAnchors: false };
}

async function print(layout: MapLayout, syntax: Syntax): Promise<string> {
  if (syntax === 'dsl') return (await import('./print-dsl.ts')).printDslLayout(layout);
  return (await import('./print-yaml.ts')).printYamlLayout(layout);
}

/** A formatter that loses anything does worse than nothing: what it wrote is read again. */
async function isSameSpec(
  text: string,
  syntax: Syntax,
  tree: SpecTree,
  comments: readonly Comment[],
): Promise<boolean> {
  const { report } = collectDiagnostics();
  const parse = await parserOf(syntax);
  const again = parse({ path: '<formatted>', text }, report);
  if (again === undefined || JSON.stringify(toPlain(again)) !== JSON.stringify(toPlain(tree))) return false;
  const extras = await readExtras(text, syntax);
  return sortedTexts(extras.comments) === sortedTexts(comments);
}

function sortedTexts(comments: readonly Comment[]): string {
  return comments
    .map(({ text }) => text)
    .sort()
    .join('\n');
}
