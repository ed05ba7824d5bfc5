import { hiddenScore } from '../compiler/ir/hidden-score.ts';

/** How far a device's values are from the reference, row by row of the last axis and in all. */
export interface Difference {
  /** The largest ‖out − ref‖ / ‖ref‖ of any row; NaN when any value is not finite. */
  readonly worstRow: number;
  /** ‖out − ref‖ / ‖ref‖ over all compared rows; NaN likewise. */
  readonly relativeL2: number;
}

/** Of squares: rows beside a much larger sink are so short that their weights are no f32. */
const nothing = 1e-30 ** 2;

/** Euclidean distance relative to the reference's length. A reference of zeros must be met exactly. */
const relative = (squares: number, reference: number) =>
  squares < nothing
    ? 0
    : reference === 0
      ? Number.isNaN(squares)
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : Math.sqrt(squares / reference);

/** Scores of hidden columns: they must be met exactly, and their size is no measure of the others. */
const sizeOf = (expected: number) => (expected === hiddenScore ? 0 : expected ** 2);

/**
 * @param width entries of a row.
 * @param isCompared which rows count; default all. Padding rows of ragged batches hold anything.
 * @throws RangeError when the sizes differ.
 */
export function compareRows(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  width: number,
  isCompared: (row: number) => boolean = () => true,
): Difference {
  if (actual.length !== reference.length) {
    throw new RangeError(`${actual.length} values cannot be compared with ${reference.length}`);
  }
  let worstRow = 0;
  let allSquares = 0;
  let allReference = 0;
  for (let row = 0; row * width < reference.length; row++) {
    if (!isCompared(row)) continue;
    let squares = 0;
    let norm = 0;
    for (let at = row * width; at < (row + 1) * width; at++) {
      const expected = reference[at] ?? Number.NaN;
      const got = actual[at] ?? Number.NaN;
      squares += Number.isFinite(got) ? (got - expected) ** 2 : Number.NaN;
      norm += sizeOf(expected);
    }
    const error = relative(squares, norm);
    worstRow = Number.isNaN(error) ? Number.NaN : Math.max(worstRow, error);
    allSquares += squares;
    allReference += norm;
  }
  return { worstRow, relativeL2: relative(allSquares, allReference) };
}
