import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import type {
  CodeAction,
  CompletionItem,
  Hover,
  Location,
  PublishDiagnosticsParams,
  TextEdit,
} from 'vscode-languageserver/node';
import { root } from '../frontend/helpers.ts';

/** An editor as far as the tests need one, talking to `gqac lsp` over its standard streams. A `|` in a text is the cursor. */
export class Editor {
  readonly #process: ChildProcess;
  readonly #connection: ReturnType<typeof createMessageConnection>;
  readonly #waiting: { readonly uri: string; readonly done: (params: PublishDiagnosticsParams) => void }[] = [];
  #version = 1;

  private constructor(process: ChildProcess) {
    const { stdin, stdout } = process;
    if (stdin === null || stdout === null) throw new Error('the server has no streams');
    this.#process = process;
    this.#connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
    this.#connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
      const index = this.#waiting.findIndex(({ uri }) => uri === params.uri);
      if (index >= 0) this.#waiting.splice(index, 1)[0]?.done(params);
    });
    this.#connection.listen();
  }

  static async start(): Promise<Editor> {
    const command = ['--import', import.meta.resolve('tsx'), join(root, 'src/cli/main.ts'), 'lsp', '--stdio'];
    const editor = new Editor(spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await editor.#connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
    await editor.#connection.sendNotification('initialized', {});
    return editor;
  }

  /** Opens a text, and gives what is found in it. */
  async open(uri: string, text: string): Promise<PublishDiagnosticsParams['diagnostics']> {
    const found = this.#next(uri);
    const textDocument = { uri, languageId: uri.endsWith('.gqa') ? 'gqa' : 'yaml', version: this.#version, text };
    await this.#connection.sendNotification('textDocument/didOpen', { textDocument });
    return (await found).diagnostics;
  }

  /** Replaces one word of an open text, as typing would. */
  async type(uri: string, text: string, word: string, by: string): Promise<PublishDiagnosticsParams['diagnostics']> {
    const found = this.#next(uri);
    const range = {
      start: positionOf(text, text.indexOf(word)),
      end: positionOf(text, text.indexOf(word) + word.length),
    };
    this.#version += 1;
    await this.#connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version: this.#version },
      contentChanges: [{ range, text: by }],
    });
    return (await found).diagnostics;
  }

  /** What is said next about a file that need not be open. */
  async published(uri: string): Promise<PublishDiagnosticsParams['diagnostics']> {
    return (await this.#next(uri)).diagnostics;
  }

  async close(uri: string): Promise<PublishDiagnosticsParams['diagnostics']> {
    const found = this.#next(uri);
    await this.#connection.sendNotification('textDocument/didClose', { textDocument: { uri } });
    return (await found).diagnostics;
  }

  hover = (uri: string, text: string) => this.#ask<Hover | null>('hover', uri, text);
  definition = (uri: string, text: string) => this.#ask<Location | null>('definition', uri, text);
  completion = (uri: string, text: string) => this.#ask<readonly CompletionItem[]>('completion', uri, text);

  /** The quick fixes at the cursor of a text that is open without it. */
  async actions(uri: string, text: string): Promise<readonly CodeAction[]> {
    const at = positionOf(text, text.indexOf('|'));
    const range = { start: at, end: at };
    return this.#connection.sendRequest('textDocument/codeAction', {
      textDocument: { uri },
      range,
      context: { diagnostics: [] },
    });
  }

  async format(uri: string): Promise<readonly TextEdit[] | null> {
    const options = { tabSize: 2, insertSpaces: true };
    return this.#connection.sendRequest('textDocument/formatting', { textDocument: { uri }, options });
  }

  /** Its exit code. */
  async stop(): Promise<number | null> {
    await this.#connection.sendRequest('shutdown');
    const ended = new Promise<number | null>((done) => this.#process.once('exit', done));
    await this.#connection.sendNotification('exit');
    return ended;
  }

  #next(uri: string): Promise<PublishDiagnosticsParams> {
    return new Promise((done) => this.#waiting.push({ uri, done }));
  }

  /** Opens the text without its cursor, asks about the place, and closes it. */
  async #ask<T>(what: string, uri: string, text: string): Promise<T> {
    const plain = text.replace('|', '');
    await this.open(uri, plain);
    const position = positionOf(plain, text.indexOf('|'));
    const answer = await this.#connection.sendRequest<T>(`textDocument/${what}`, { textDocument: { uri }, position });
    await this.close(uri);
    return answer;
  }
}

function positionOf(text: string, offset: number): { readonly line: number; readonly character: number } {
  const lines = text.slice(0, offset).split('\n');
  return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
}
