/**
 * What is lost when the text of a YAML number is read as an f64, in words that follow "the number …"; undefined when nothing is.
 * A decimal fraction counts as kept when it has at most 17 significant digits, as many as f64 values are printed with.
 */
export function numberProblem(text: string, value: number): string | undefined {
  if (!Number.isFinite(value)) return /inf|nan/i.test(text) ? 'is not finite' : 'is too large for a 64-bit float';
  const isInteger = /^[-+]?(?:0x[\da-f]+|0o[0-7]+|\d+)$/i.test(text);
  if (isInteger)
    return Number.isSafeInteger(value) ? undefined : 'is too large to be exact: integers go up to 2^53 − 1';
  const [mantissa = ''] = text.split(/e/i);
  const digits = mantissa.replace(/[-+.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
  if (value === 0 && digits !== '') return 'is too small for a 64-bit float';
  return digits.length > 17 ? 'has more digits than a 64-bit float keeps: write at most 17' : undefined;
}

/** A number as the `.gqa` syntax writes it, which is as YAML 1.2 does; undefined when the text is none. */
export function dslNumber(text: string): number | undefined {
  if (/^(?:0x[\da-fA-F]+|0o[0-7]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$/.test(text)) return Number(text);
  return /^[-+]?\.(?:inf|nan)$/.test(text) ? Number.NaN : undefined;
}

/** The user's text in a message; the frame shows all of it. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
