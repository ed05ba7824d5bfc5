import type { Tokenizer } from './tokenizer.ts';

/** What a decoder makes of bytes that are not a whole character yet. */
const replacement = '\ufffd';

/**
 * Text of ids that come one at a time. A token's text may depend on the one before it (a space at the start of a text is no space),
 * so ids are decoded together with those shown last; bytes of an unfinished character are held back until it is whole.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /** Ids whose text has been shown, as context for the next. */
  #shown: readonly number[];
  #held: number[] = [];

  /** `before`: the ids that the text continues. */
  constructor(tokenizer: Tokenizer, before: readonly number[] = []) {
    this.#tokenizer = tokenizer;
    this.#shown = before.slice(-8);
  }

  /** The text that has become certain with this id; often a word, sometimes nothing. */
  push(id: number): string {
    this.#held.push(id);
    const text = this.#textOfHeld();
    if (text.endsWith(replacement)) return '';
    this.#shown = this.#held;
    this.#held = [];
    return text;
  }

  /** What is still held back, as it is. */
  end(): string {
    const text = this.#held.length === 0 ? '' : this.#textOfHeld();
    this.#held = [];
    return text;
  }

  #textOfHeld(): string {
    const before = this.#tokenizer.decode(this.#shown);
    return this.#tokenizer.decode([...this.#shown, ...this.#held]).slice(before.length);
  }
}
