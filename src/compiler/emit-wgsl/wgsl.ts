/**
 * Tag for WGSL fragments. The common indentation is removed, and an interpolated fragment of several lines takes the
 * indentation of the line that it stands on, so emitted kernels read as if written by hand. A line that holds nothing but
 * an empty interpolation disappears.
 */
export function wgsl(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const lines = joinWithIndentation(strings, values).split('\n');
  while (lines.length > 0 && lines[0]?.trim() === '') lines.shift();
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop();
  const margin = Math.min(...lines.filter((line) => line.trim() !== '').map(indentation));
  return lines
    .map((line) => line.slice(Math.min(margin, indentation(line))).trimEnd())
    .filter((line) => !line.includes(VANISH))
    .join('\n');
}

/** A fragment for each index from 0 on, one below the other: what is written out rather than looped over. */
export const repeat = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join('\n');

/** Four neighbouring indices, from `first` on. */
export const fourFrom = (first: string): string => `vec4u(${first}) + vec4u(0, 1, 2, 3)`;

/** Marks an empty interpolation; a line with nothing else is dropped. */
const VANISH = '\u0000';

const indentation = (line: string) => line.length - line.trimStart().length;

function joinWithIndentation(strings: TemplateStringsArray, values: readonly (string | number)[]): string {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    const tail = strings[index + 1] ?? '';
    const line = text.slice(text.lastIndexOf('\n') + 1);
    const alone = line.trim() === '' && /^[ \t]*(\n|$)/.test(tail);
    const piece = String(value);
    text += piece === '' && alone ? VANISH : piece.replaceAll('\n', `\n${' '.repeat(indentation(`${line}.`))}`);
    text += tail;
  }
  return text;
}

/** A finite f32 literal that reads back as exactly the nearest f32 of `value`. */
export function f32(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new Error(`no f32 literal for ${value}`);
  let digits = 1;
  while (Math.fround(Number(rounded.toPrecision(digits))) !== rounded) digits++;
  const text = String(Number(rounded.toPrecision(digits)));
  return /[.e]/.test(text) ? text : `${text}.0`;
}
