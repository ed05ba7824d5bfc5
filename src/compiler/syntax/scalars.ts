/** Very large and very small numbers in exponent form when that is shorter or the only exact one; `-0` keeps its sign. */
export function formatNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const decimal = String(value);
  const size = Math.abs(value);
  if (size === 0 || (size < 1e6 && size >= 1e-3)) return decimal;
  const exponent = value.toExponential().replace('e+', 'e');
  // Without an exponent it would be an integer that is too large to be exact (SYN005).
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return exponent;
  return exponent.length < decimal.length ? exponent : decimal;
}

/** A string in double quotes that both JSON and YAML read as the same, with what cannot be seen escaped. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
