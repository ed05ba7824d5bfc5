/** Tokens of one row that are run together. */
export interface PieceOfRow {
  readonly ids: readonly number[];
  /** Where they stand in the row. */
  readonly from: number;
}

/**
 * The rows in pieces of at most `chunk` tokens. All rows end in the last piece, shorter ones begin in a later one, so that
 * after it the device has the logits of every sequence's last token. A row's first tokens up to `together`, of which there are
 * at most `chunk`, are in one piece.
 */
export function pieces(
  rows: readonly (readonly number[])[],
  chunk: number,
  together: readonly number[],
): readonly (readonly PieceOfRow[])[] {
  const count = Math.ceil(Math.max(...rows.map((row) => row.length)) / chunk);
  return Array.from({ length: count }, (_, index) =>
    rows.map((row, b) => {
      const cut = (left: number) => {
        const at = row.length - left * chunk;
        return at <= 0 ? 0 : Math.max(at, Math.min(together[b] ?? 0, row.length));
      };
      const from = cut(count - index);
      return { ids: row.slice(from, cut(count - index - 1)), from };
    }),
  );
}
