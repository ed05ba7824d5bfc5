import { type Connection, TextDocumentSyncKind, TextDocuments } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Diagnostic } from '../compiler/diagnostics/diagnostic.ts';
import type { SourceFile } from '../compiler/source/source.ts';
import { formatSpec } from '../compiler/syntax/format.ts';
import { parserOf, syntaxOf } from '../compiler/syntax/syntaxes.ts';
import type { SpecTree } from '../compiler/syntax/tree.ts';
import { completionsAt } from './completion.ts';
import { definitionAt } from './definition.ts';
import { actionsIn, findingOf, problemFinding } from './findings.ts';
import { hoverAt } from './hover.ts';

/** What the server asks of the machine that it runs on. */
export interface Host {
  /** What `gqac check` would say about this text in place of the file. */
  readonly check: (source: SourceFile) => Promise<Checked>;
  readonly pathOf: (uri: string) => string;
  readonly uriOf: (path: string) => string;
  /** A path that is written in a file, as seen from where that file's own path is. */
  readonly beside: (path: string, from: string) => string;
}

export interface Checked {
  readonly diagnostics: readonly Diagnostic[];
  /** Why it could not be checked to the end: something beside it cannot be read. */
  readonly problem?: string;
}

interface Shown {
  readonly diagnostics: readonly Diagnostic[];
  /** Files that have findings on display because of this one. */
  readonly files: readonly string[];
}

/** A language server for specs in both syntaxes: findings as they are typed, with their fixes, documentation, completion, layout. */
export function serve(connection: Connection, host: Host): void {
  const documents = new TextDocuments(TextDocument);
  const shown = new Map<string, Shown>();
  const sourceOf = (document: TextDocument): SourceFile => ({
    path: host.pathOf(document.uri),
    text: document.getText(),
  });
  /** Asks a question of a document that is open, about an offset in it. */
  const at = async <T>(
    { textDocument, position }: Parameters<Parameters<Connection['onHover']>[0]>[0],
    ask: (source: SourceFile, offset: number) => Promise<T>,
  ): Promise<T | null> => {
    const document = documents.get(textDocument.uri);
    return document === undefined ? null : ask(sourceOf(document), document.offsetAt(position));
  };

  connection.onInitialize(() => ({
    serverInfo: { name: 'gqac' },
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      hoverProvider: true,
      definitionProvider: true,
      documentFormattingProvider: true,
      codeActionProvider: { codeActionKinds: ['quickfix'] },
      completionProvider: { triggerCharacters: [' ', '{', '[', ','] },
    },
  }));

  documents.onDidChangeContent(async ({ document }) => {
    const { uri, version } = document;
    const result = await host.check(sourceOf(document));
    // A later text is on its way, and closed documents have nothing on display.
    if (documents.get(uri)?.version !== version) return;
    await show(uri, result);
  });
  documents.onDidClose(({ document }) => show(document.uri, { diagnostics: [] }));

  /** Findings of the files that a spec includes are shown there. */
  const show = async (uri: string, { diagnostics, problem }: Checked): Promise<void> => {
    const fileOf = ({ span }: Diagnostic) => host.uriOf(span.file.path);
    const files = [...new Set([uri, ...diagnostics.map(fileOf)])];
    const before = shown.get(uri)?.files ?? [];
    shown.set(uri, { diagnostics, files });
    for (const file of new Set([...files, ...before])) {
      const findings = diagnostics.filter((one) => fileOf(one) === file).map((one) => findingOf(one, host.uriOf));
      const problems = problem === undefined || file !== uri ? [] : [problemFinding(problem)];
      await connection.sendDiagnostics({ uri: file, diagnostics: [...problems, ...findings] });
    }
  };

  connection.onHover((params) =>
    at(params, async (source, offset) => {
      const tree = await treeOf(source);
      return (tree && hoverAt(tree, offset)) ?? null;
    }),
  );
  connection.onDefinition((params) =>
    at(params, async (source, offset) => {
      const tree = await treeOf(source);
      return (tree && definitionAt(tree, offset, host)) ?? null;
    }),
  );
  connection.onCompletion((params) =>
    at(params, async (source, offset) => {
      const syntax = syntaxOf(source);
      return [...completionsAt(source, offset, { syntax, parse: await parserOf(syntax) })];
    }),
  );
  connection.onCodeAction(({ textDocument: { uri }, range }) => {
    const found = shown.get(uri)?.diagnostics ?? [];
    const here = found.filter(({ span }) => host.uriOf(span.file.path) === uri);
    return [...actionsIn(here, range, host.uriOf)];
  });
  connection.onDocumentFormatting(async ({ textDocument }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return null;
    const source = sourceOf(document);
    const formatted = await formatSpec(source, { from: syntaxOf(source) }, () => undefined);
    if (formatted.kind !== 'text' || formatted.text === source.text) return null;
    const whole = { start: document.positionAt(0), end: document.positionAt(source.text.length) };
    return [{ range: whole, newText: formatted.text }];
  });

  documents.listen(connection);
  connection.listen();
}

/** The tree of a text that can be read. */
async function treeOf(source: SourceFile): Promise<SpecTree | undefined> {
  const parse = await parserOf(syntaxOf(source));
  return parse(source, () => undefined);
}
