import type { OptionNode } from './option.ts';

/** The default in words; undefined for required options and for those that may be absent. */
export function defaultText(option: OptionNode): string | undefined {
  if (option.derived !== undefined) return option.derived;
  if (!('default' in option) || option.default === undefined) return undefined;
  return typeof option.default === 'string' ? `\`${option.default}\`` : `\`${JSON.stringify(option.default)}\``;
}

/** What an option accepts, in words that fit after "expected". */
export function expectation(option: OptionNode): string {
  switch (option.kind) {
    case 'integer':
      return option.exactly === undefined ? `an integer from ${option.min} to ${option.max}` : String(option.exactly);
    case 'number':
      if (option.above !== undefined) return `a number above ${option.above}`;
      return option.min === undefined ? 'a number' : `a number of at least ${option.min}`;
    case 'boolean':
      return '`true` or `false`';
    case 'enum':
      return option.values.map((value) => `\`${value}\``).join(', ');
    case 'text':
      return option.form;
    case 'list':
      return `a list of ${option.values.map((value) => `\`${value}\``).join(', ')}`;
    case 'names':
      return option.form;
    case 'map': {
      const short = option.shorthand === undefined ? undefined : option.entries[option.shorthand];
      return short === undefined ? 'a map' : `a map, or ${expectation(short)}`;
    }
  }
}
