/** A `tokenizer.json` of one token for each byte, as GPT-2 writes bytes: those that cannot be printed become letters from U+0100 on. */
export function byteLevelTokenizer(bytes: readonly number[], special: readonly string[] = []) {
  const vocabulary = Object.fromEntries(bytes.map((byte, id) => [letterOf(byte), id]));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, i) => ({
      id: bytes.length + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: 'BPE', dropout: null, unk_token: null, vocab: vocabulary, merges: [] },
  };
}

export const allBytes = Array.from({ length: 256 }, (_, byte) => byte);

function letterOf(byte: number): string {
  return String.fromCharCode(
    isPrintable(byte) ? byte : 256 + allBytes.filter((b) => b < byte && !isPrintable(b)).length,
  );
}

const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
