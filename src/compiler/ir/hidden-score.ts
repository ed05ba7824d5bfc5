/** The score of a column that a query does not see: finite, as kernels need not know infinities, and exact in f32. */
export const hiddenScore = Math.fround(-3e38);
