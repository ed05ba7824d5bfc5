/** A value in the largest unit that leaves at least one of it, such as `1.31 MB`. */
export function inUnits(value: number, step: number, units: readonly string[]): string {
  let scaled = value;
  let unit = 0;
  while (scaled >= step && unit < units.length - 1) {
    scaled /= step;
    unit += 1;
  }
  return `${decimal(scaled)} ${units[unit] ?? ''}`.trimEnd();
}

/** Such as `1.25 ms`. */
export const durationText = (seconds: number): string => inUnits(seconds * 1e9, 1000, ['ns', 'µs', 'ms', 's']);

/** Three digits that say something, no trailing zeros. */
export const decimal = (value: number): string =>
  String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
