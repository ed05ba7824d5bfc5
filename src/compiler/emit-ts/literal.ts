type Plain = string | number | boolean | undefined | readonly Plain[] | { readonly [key: string]: Plain };

const lineWidth = 120;

/** A value as a TypeScript literal: on one line where it fits, else one entry a line. Undefined properties are left out. */
export function literal(value: unknown, indent = 0): string {
  const flat = flatten(value as Plain);
  if (flat.length + indent <= lineWidth) return flat;
  const inner = ' '.repeat(indent + 2);
  const close = ' '.repeat(indent);
  if (Array.isArray(value)) {
    return `[\n${value.map((entry) => `${inner}${literal(entry, indent + 2)},\n`).join('')}${close}]`;
  }
  const lines = entriesOf(value as object).map(
    ([key, entry]) => `${inner}${keyOf(key)}: ${literal(entry, indent + 2)},\n`,
  );
  return `{\n${lines.join('')}${close}}`;
}

/** Text that is already TypeScript, such as a reference to a constant. */
export class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function flatten(value: Plain | Raw): string {
  if (value instanceof Raw) return value.text;
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(flatten).join(', ')}]`;
  const entries = entriesOf(value).map(([key, entry]) => `${keyOf(key)}: ${flatten(entry)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

const entriesOf = (value: object): readonly [string, Plain][] =>
  (Object.entries(value) as [string, Plain][]).filter(([, entry]) => entry !== undefined);

const keyOf = (key: string) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key));

/** JSON encoding is the only way in: nothing that a user wrote can end the string. */
function quoted(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inner.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}

/** A template literal whose value is exactly `text`. */
export function template(text: string): string {
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``;
}

/** Text inside a comment: it cannot end it. */
export const comment = (text: string): string => text.replaceAll('*/', '* /');
