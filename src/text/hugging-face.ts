import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { UsageError } from '../runtime/abi1/errors.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The contents of `tokenizer.json` and `tokenizer_config.json`. @throws UsageError when they are of no known form. */
export function huggingFaceTokenizer(tokenizer: object, config: object): Tokenizer {
  const library = opened(tokenizer, config);
  return {
    encode: (text, { asWritten = false } = {}) => library.encode(text, { add_special_tokens: !asWritten }).ids,
    // Cleaning up spaces would change text that has been shown already.
    decode: (ids) =>
      ids.length === 0
        ? ''
        : library.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    idOf: (token) => library.token_to_id(token),
  };
}

function opened(tokenizer: object, config: object): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(tokenizer, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`tokenizer.json cannot be used: ${reason}`);
  }
}
