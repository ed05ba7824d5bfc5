import type { ErrorCode } from 'yaml';

/** What mends the usual slips, by the YAML library's codes: its own words are those of the grammar of YAML. */
export const yamlHelp: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_INDENT: 'indent the entries of one map alike, and close each `{` and `[`',
  BAD_SCALAR_START: 'put text that begins so in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a line has one key: indent the entries of one map alike, and put text with a colon in quotes',
  BLOCK_IN_FLOW: 'separate what stands in braces by commas: `{ q_heads: 8, head_dim: 64 }`',
  MISSING_CHAR: 'close each quote, `{` and `[`',
  MULTILINE_IMPLICIT_KEY: 'put a colon and a space after each key: `q_heads: 8`',
  TAB_AS_INDENT: 'indent with spaces',
  UNEXPECTED_TOKEN: 'delete it, or write what it belongs to before it',
};
