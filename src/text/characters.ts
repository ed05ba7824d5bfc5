import { charVocabulary } from '../runtime/abi1/vocabulary.ts';
import type { Tokenizer } from './tokenizer.ts';

/** One token for each character of a list (`vocab.json`). @throws UsageError when an entry is not one character. */
export function characterTokenizer(characters: readonly string[]): Tokenizer {
  const { encode, decode } = charVocabulary(characters);
  const ids = new Map(Array.from(characters, (character, id) => [character, id]));
  return { encode: (text) => encode(text), decode, idOf: (token) => ids.get(token) };
}
