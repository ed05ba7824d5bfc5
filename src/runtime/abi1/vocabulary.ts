import { UsageError } from './errors.ts';

export interface Vocabulary {
  /** Number of tokens. */
  readonly size: number;
  /** @throws UsageError naming the first character that has no token, and where it is. */
  encode(text: string): number[];
  /** @throws UsageError for an id that is not a token. */
  decode(ids: Iterable<number>): string;
}

/**
 * One token for each character (Unicode code point) of the list, numbered in its order.
 * @throws UsageError when an entry is not one character, or occurs twice.
 */
export function charVocabulary(characters: Iterable<string>): Vocabulary {
  if (typeof characters?.[Symbol.iterator] !== 'function') throw new UsageError('a vocabulary is a list of characters');
  const tokens = [...characters];
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if ([...token].length !== 1)
      throw new UsageError(`vocabulary entry ${id}, ${JSON.stringify(token)}, is not one character`);
    if (ids.has(token)) throw new UsageError(`the vocabulary has ${JSON.stringify(token)} twice`);
    ids.set(token, id);
  }
  return {
    size: tokens.length,
    encode: (text) => Array.from(text, (character, position) => idOf(ids, character, position)),
    decode: (encoded) => Array.from(encoded, (id) => tokenOf(tokens, id)).join(''),
  };
}

function idOf(ids: ReadonlyMap<string, number>, character: string, position: number): number {
  const id = ids.get(character);
  if (id !== undefined) return id;
  const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  throw new UsageError(
    `character ${JSON.stringify(character)} (U+${point}) at position ${position} is not in the model's vocabulary: remove or replace it`,
  );
}

function tokenOf(tokens: readonly string[], id: number): string {
  const token = tokens[id];
  if (token === undefined) throw new UsageError(`${id} is not a token: the vocabulary has ${tokens.length}`);
  return token;
}
