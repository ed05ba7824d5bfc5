/** ‖out − reference‖ / ‖reference‖. NaN when any value is not finite or the sizes differ. */
export function relativeError(out: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (out.length !== reference.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    const expected = reference[i] ?? Number.NaN;
    difference += ((out[i] ?? Number.NaN) - expected) ** 2;
    norm += expected ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Index of the first token that differs, or undefined. */
export function firstDifference(tokens: readonly number[], reference: readonly number[]): number | undefined {
  const length = Math.max(tokens.length, reference.length);
  for (let i = 0; i < length; i++) if (tokens[i] !== reference[i]) return i;
  return undefined;
}
