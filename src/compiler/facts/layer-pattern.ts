/** The shortest beginning whose repetition makes the whole; its last repeat may be cut. */
export function shortestPeriod<T>(values: readonly T[]): readonly T[] {
  for (let period = 1; period < values.length; period++) {
    if (values.every((value, index) => value === values[index % period])) return values.slice(0, period);
  }
  return values;
}

export interface Run<T> {
  readonly value: T;
  readonly count: number;
}

/** Equal neighbours together. */
export function runsOf<T>(values: readonly T[]): readonly Run<T>[] {
  const runs: { value: T; count: number }[] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last?.value === value) last.count += 1;
    else runs.push({ value, count: 1 });
  }
  return runs;
}

/** In the order of their first. */
export function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

/** As `distinct`, for values that are equal when their keys are. */
export function distinctBy<T>(values: readonly T[], keyOf: (value: T) => string): readonly T[] {
  const found = new Map<string, T>();
  for (const value of values) if (!found.has(keyOf(value))) found.set(keyOf(value), value);
  return [...found.values()];
}
