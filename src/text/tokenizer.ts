/** Text to token ids and back, however the vocabulary is stored. */
export interface Tokenizer {
  /**
   * `asWritten` leaves out what the model expects around a text, such as a token for its beginning: a chat template has it already.
   * @throws UsageError for text that the vocabulary has no tokens for.
   */
  encode(text: string, options?: { readonly asWritten?: boolean }): readonly number[];
  /** The text of the ids together; special tokens have none. Bytes that are not whole characters become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The id of a token by its own name, such as `</s>`. */
  idOf(token: string): number | undefined;
}
