import { type ListOption, largestNumber, type MapOption, type NumberOption, type OptionNode } from './option.ts';

export type JsonSchema = { readonly [key: string]: unknown };

type Annotate = (option: OptionNode) => JsonSchema;

/** JSON Schema draft-07 of a whole spec, with the descriptions and defaults that editors show. */
export function editorSchema(root: MapOption): JsonSchema {
  const annotate: Annotate = (option) => ({ description: description(option), ...defaultOf(option) });
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'gqac spec', ...schemaOf(root, annotate) };
}

/** The same constraints without words, for the validator, which carries its schema along. */
export function bareSchema(root: MapOption): JsonSchema {
  return schemaOf(root, () => ({}));
}

function schemaOf(option: OptionNode, annotate: Annotate): JsonSchema {
  return { ...annotate(option), ...shapeOf(option, annotate) };
}

function description(option: OptionNode): string {
  return option.derived === undefined ? option.doc : `${option.doc}\n\nDefault: ${option.derived}.`;
}

function defaultOf(option: OptionNode): JsonSchema {
  return 'default' in option && option.default !== undefined ? { default: option.default } : {};
}

function shapeOf(option: OptionNode, annotate: Annotate): JsonSchema {
  switch (option.kind) {
    case 'map':
      return mapShape(option, annotate);
    case 'integer':
      return option.exactly === undefined
        ? { type: 'integer', minimum: option.min, maximum: option.max }
        : { type: 'integer', enum: [option.exactly] };
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
    case 'names':
      return { type: 'object', additionalProperties: { type: 'string' } };
  }
}

function numberShape({ min, above, max = largestNumber, word }: NumberOption): JsonSchema {
  const lower = above === undefined ? { minimum: min ?? -largestNumber } : { exclusiveMinimum: above };
  const number = { type: 'number', ...lower, maximum: max };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return word === undefined ? number : { if: { type: 'string' }, then: { enum: [word] }, else: number };
}

function listShape({ values, ordering }: ListOption): JsonSchema {
  const length = ordering ? { minItems: values.length } : {};
  return { type: 'array', items: { type: 'string', enum: values }, uniqueItems: true, ...length };
}

function mapShape(option: MapOption, annotate: Annotate): JsonSchema {
  const one = singleMapShape(option, annotate);
  if (option.maxItems === undefined) return one;
  const list = { type: 'array', items: one, minItems: 1, maxItems: option.maxItems };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return { if: { type: 'array' }, then: list, else: one };
}

function singleMapShape(option: MapOption, annotate: Annotate): JsonSchema {
  const entries = Object.entries(option.entries);
  const required = entries.filter(([, entry]) => entry.required).map(([key]) => key);
  const map = {
    type: 'object',
    properties: Object.fromEntries(entries.map(([key, entry]) => [key, schemaOf(entry, annotate)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
  const short = option.shorthand === undefined ? undefined : option.entries[option.shorthand];
  if (short === undefined) return map;
  // Not anyOf: its errors name every branch, those of if/then/else only the branch that was meant.
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nothing awaits this object
  return { if: { type: ['number', 'string', 'boolean'] }, then: shapeOf(short, annotate), else: map };
}
