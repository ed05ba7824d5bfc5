import {
  type AxesOption,
  type DeclarationsOption,
  type IntegerOption,
  type IntegersOption,
  type ListOption,
  largestNumber,
  type MapOption,
  type NumberOption,
  type OptionNode,
  type OverridesOption,
  type WordsOption,
} from './option.ts';

export type JsonSchema = { readonly [key: string]: unknown };

type Annotate = (option: OptionNode) => JsonSchema;

interface Writing {
  readonly annotate: Annotate;
  readonly overridesInFull: boolean;
  /** Within overrides nothing is required, and `none` takes an option away. */
  readonly partial?: true;
}

/** JSON Schema draft-07 of a whole spec, with the descriptions and defaults that editors show. */
export function editorSchema(root: MapOption): JsonSchema {
  const annotate: Annotate = (option) => ({ description: description(option), ...defaultOf(option) });
  const writing: Writing = { annotate, overridesInFull: true };
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'gqac spec', ...schemaOf(root, writing) };
}

/**
 * The same constraints without words, for the validator, which carries its schema along. What a kind of layer overrides is
 * left open: the checker merges it into the spec's own and validates the result.
 */
export function bareSchema(root: MapOption): JsonSchema {
  return schemaOf(root, { annotate: () => ({}), overridesInFull: false });
}

function schemaOf(option: OptionNode, writing: Writing): JsonSchema {
  const { annotate, partial } = writing;
  const shape = shapeOf(option, writing);
  const isRemovable = partial && !option.required;
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return { ...annotate(option), ...(isRemovable ? { if: { const: 'none' }, then: true, else: shape } : shape) };
}

function description(option: OptionNode): string {
  return option.derived === undefined ? option.doc : `${option.doc}\n\nDefault: ${option.derived}.`;
}

function defaultOf(option: OptionNode): JsonSchema {
  return 'default' in option && option.default !== undefined ? { default: option.default } : {};
}

function shapeOf(option: OptionNode, writing: Writing): JsonSchema {
  switch (option.kind) {
    case 'map':
      return mapShape(option, writing);
    case 'integer':
      return integerShape(option);
    case 'number':
      return numberShape(option);
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return { type: 'string', enum: option.values };
    case 'text':
      return { type: 'string', pattern: option.pattern };
    case 'list':
      return listShape(option);
    case 'integers':
      return orWord(integersShape(option), option.word);
    case 'names':
      return { type: 'object', additionalProperties: schemaOf(option.of, writing) };
    case 'overrides':
      return overridesShape(option, writing);
    case 'declarations':
      return declarationsShape(option, writing);
    case 'axes':
      return axesShape(option);
    case 'expression':
      return { type: 'string', pattern: '\\S' };
    case 'words':
      return wordsShape(option);
    case 'numbers':
      return {
        type: 'array',
        items: { type: 'number', exclusiveMinimum: 0, maximum: largestNumber },
        minItems: 1,
        maxItems: 4096,
      };
  }
}

function integerShape({ min, max, exactly, word }: IntegerOption): JsonSchema {
  if (exactly !== undefined) return { type: 'integer', enum: [exactly] };
  return orWord({ type: 'integer', minimum: min, maximum: max }, word);
}

function numberShape({ min, above, max = largestNumber, word }: NumberOption): JsonSchema {
  const lower = above === undefined ? { minimum: min ?? -largestNumber } : { exclusiveMinimum: above };
  return orWord({ type: 'number', ...lower, maximum: max }, word);
}

function integersShape({ min, max, length }: IntegersOption): JsonSchema {
  const items = { type: 'integer', minimum: min, maximum: max };
  return { type: 'array', items, uniqueItems: true, minItems: length ?? 1, maxItems: length ?? 4096 };
}

function orWord(number: JsonSchema, word: string | undefined): JsonSchema {
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return word === undefined ? number : { if: { type: 'string' }, then: { enum: [word] }, else: number };
}

function listShape({ values, ordering }: ListOption): JsonSchema {
  const length = ordering ? { minItems: values.length } : {};
  return { type: 'array', items: { type: 'string', enum: values }, uniqueItems: true, ...length };
}

function wordsShape({ orOne }: WordsOption): JsonSchema {
  const list = { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 1024 };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return orOne ? { if: { type: 'string' }, then: true, else: list } : list;
}

function overridesShape({ of, like }: OverridesOption, writing: Writing): JsonSchema {
  const properties = Object.entries<OptionNode>(of.entries).map(([key, option]) => {
    const inFull = { ...writing.annotate(option), ...shapeOf(option, { ...writing, partial: true }) };
    return [key, writing.overridesInFull || option.kind !== 'map' ? inFull : { type: 'object' }] as const;
  });
  const isOpen = like !== undefined && !writing.overridesInFull;
  const one = isOpen
    ? { type: 'object' }
    : { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
  return { type: 'object', additionalProperties: one, minProperties: 1, maxProperties: 64 };
}

function declarationsShape({ of }: DeclarationsOption, writing: Writing): JsonSchema {
  return { type: 'object', additionalProperties: schemaOf(of, writing), maxProperties: 64 };
}

function axesShape({ names, max, maxItems }: AxesOption): JsonSchema {
  const size = { type: 'integer', minimum: 1, maximum: max };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  const axis = { if: { type: 'string' }, then: { enum: names }, else: size };
  return { type: 'array', items: axis, maxItems };
}

function mapShape(option: MapOption, writing: Writing): JsonSchema {
  const one = singleMapShape(option, writing);
  if (option.maxItems === undefined) return one;
  const list = { type: 'array', items: one, minItems: 1, maxItems: option.maxItems };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return { if: { type: 'array' }, then: list, else: one };
}

function singleMapShape(option: MapOption, writing: Writing): JsonSchema {
  const entries = Object.entries(option.entries);
  const required = entries.filter(([, entry]) => entry.required && !writing.partial).map(([key]) => key);
  const map = {
    type: 'object',
    properties: Object.fromEntries(entries.map(([key, entry]) => [key, schemaOf(entry, writing)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
  const short = option.shorthand === undefined ? undefined : option.entries[option.shorthand];
  if (short === undefined) return map;
  const form = short.kind === 'list' ? { type: 'array' } : { type: ['number', 'string', 'boolean'] };
  // Not anyOf: its errors name every branch, those of if/then/else only the branch that was meant.
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return { if: form, then: shapeOf(short, writing), else: map };
}
