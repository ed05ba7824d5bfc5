import type { GenerateOptions } from '../runtime/abi1/call-options.ts';
import { UsageError } from '../runtime/abi1/errors.ts';
import type { Session } from '../runtime/abi1/session.ts';
import { TextStream } from './text-stream.ts';
import type { Tokenizer } from './tokenizer.ts';

/** `stop`: the model ended its text. `length`: as many tokens as asked for. `context`: the cache is full. */
export type FinishReason = 'stop' | 'length' | 'context';

/** What a text needs of a session, whatever hooks and parameters that has. */
export type TokenSession = Pick<Session, 'generate' | 'past' | 'capacity' | 'canRewind' | 'rewind'>;

/** A session that is given and gives text. A prompt that begins as the one before, with its reply, runs only what is new. */
export class TextSession {
  readonly #session: TokenSession;
  readonly #tokenizer: Tokenizer;
  /** Ids that are in the cache, in order, as far as they are known. */
  #cached: readonly number[] = [];

  constructor(session: TokenSession, tokenizer: Tokenizer) {
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  /**
   * Yields each token with the text that has become certain by it, at last the text that was still held back; returns why it ended.
   * @throws UsageError when the prompt does not fit; the signal's reason when it is aborted.
   */
  async *reply(
    prompt: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<TextPiece, FinishReason, void> {
    if (prompt.length === 0) throw new UsageError('a prompt has at least one token');
    const common = Math.min(commonLength(this.#cached, prompt), prompt.length - 1);
    const reused = this.#session.canRewind(common) ? common : 0;
    this.#session.rewind(reused);
    const ids = [...prompt];
    const stream = new TextStream(this.#tokenizer, prompt);
    try {
      for await (const token of this.#session.generate(prompt.slice(reused), options)) {
        ids.push(token);
        yield { tokens: [token], text: stream.push(token) };
      }
    } finally {
      this.#cached = ids.slice(0, this.#session.past[0] ?? 0);
    }
    yield { tokens: [], text: stream.end() };
    if (ids.length - prompt.length >= (options.maxTokens ?? Number.POSITIVE_INFINITY)) return 'length';
    return ids.length > this.#session.capacity ? 'context' : 'stop';
  }
}

export interface TextPiece {
  readonly tokens: readonly number[];
  readonly text: string;
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const different = a.findIndex((id, index) => id !== b[index]);
  return different < 0 ? a.length : different;
}
