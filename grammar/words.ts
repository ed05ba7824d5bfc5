import type { AxesOption, IntegersOption, NumberOption, OptionNode } from './option.ts';

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
      if (option.exactly !== undefined) return String(option.exactly);
      return orWord(`an integer from ${option.min} to ${option.max}`, option.word);
    case 'number':
      return orWord(numberText(option), option.word);
    case 'boolean':
      return '`true` or `false`';
    case 'enum':
      return option.values.map((value) => `\`${value}\``).join(', ');
    case 'text':
      return option.form;
    case 'list':
      return option.ordering
        ? `the list of ${option.values.map((value) => `\`${value}\``).join(' and ')} in their order`
        : `a list of ${option.values.map((value) => `\`${value}\``).join(', ')}`;
    case 'integers':
      return orWord(integersText(option), option.word);
    case 'names':
    case 'overrides':
    case 'words':
    case 'numbers':
    case 'declarations':
    case 'expression':
      return option.form;
    case 'axes':
      return `a list of up to ${option.maxItems} axes, each ${axisWords(option)}`;
    case 'map': {
      const short = option.shorthand === undefined ? undefined : option.entries[option.shorthand];
      if (option.maxItems !== undefined) return `a map, or a list of up to ${option.maxItems} maps`;
      return short === undefined ? 'a map' : `a map, or ${expectation(short)}`;
    }
  }
}

export function axisWords({ names, max }: AxesOption): string {
  return `${names.map((name) => `\`${name}\``).join(' or ')} or a size up to ${max}`;
}

function integersText({ length, min, max }: IntegersOption): string {
  return `a list of ${length === undefined ? '' : `${length} `}different integers from ${min} to ${max}`;
}

function orWord(number: string, word: string | undefined): string {
  return word === undefined ? number : `${number}, or \`${word}\``;
}

function numberText({ min, above, max }: NumberOption): string {
  if (min !== undefined && max !== undefined) return `a number from ${min} to ${max}`;
  if (above !== undefined) return `a number above ${above}`;
  return min === undefined ? 'a number' : `a number of at least ${min}`;
}
