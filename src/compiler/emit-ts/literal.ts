const lineWidth = 120;

/** A value as a TypeScript literal: on one line where it fits, else one entry a line. Undefined properties are left out. */
export function literal(value: unknown, indent = 0): string {
  if (value instanceof Raw) return value.text;
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  const entries = isList
    ? value.map((entry) => literal(entry, indent + 2))
    : entriesOf(value).map(([key, entry]) => `${keyOf(key)}: ${literal(entry, indent + 2)}`);
  if (entries.length === 0) return isList ? '[]' : '{}';
  // What has no room on a line of its own has none within a longer one.
  if (!entries.some((entry) => entry.includes('\n'))) {
    const flat = isList ? `[${entries.join(', ')}]` : `{ ${entries.join(', ')} }`;
    if (flat.length + indent <= lineWidth) return flat;
  }
  const lines = entries.map((entry) => `${' '.repeat(indent + 2)}${entry},\n`).join('');
  return `${isList ? '[' : '{'}\n${lines}${' '.repeat(indent)}${isList ? ']' : '}'}`;
}

/** Text that is already TypeScript, such as a reference to a constant. */
export class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const entriesOf = (value: object): readonly [string, unknown][] =>
  Object.entries(value).filter(([, entry]) => entry !== undefined);

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
