import type { MapOption, OptionNode } from '../../grammar/option.ts';
import { options } from '../../grammar/options.ts';
import type { PrintableSpec, PrintableValue } from '../../src/compiler/syntax/print.ts';

export interface Leaf {
  readonly path: readonly string[];
  readonly option: OptionNode;
}

/** Every option that is not a map. */
export function leaves(map: MapOption = options, around: readonly string[] = []): readonly Leaf[] {
  return Object.entries<OptionNode>(map.entries).flatMap(([key, option]): readonly Leaf[] => {
    const path = [...around, key];
    return option.kind === 'map' ? leaves(option, path) : [{ path, option }];
  });
}

/** Values of options whose kind does not say what is legal, or has two words for one thing. */
const special: Readonly<Record<string, readonly PrintableValue[]>> = {
  name: ['one', 'other'],
  include: [['a.gqa.yaml'], ['b.gqa.yaml']],
  use: [['a'], ['b']],
  blocks: [{ a: { attention: { q_heads: 4 } } }, { a: { attention: { q_heads: 8 } } }],
  attentions: [{ a: { q_heads: 4, head_dim: 8 } }, { a: { q_heads: 8, head_dim: 8 } }],
  'attention.hooks.names': [
    ['q_input'],
    ['k_input'],
    ['v_input'],
    ['q'],
    ['k'],
    ['v'],
    ['rot_q'],
    ['rot_k'],
    ['scores'],
    ['pattern'],
    ['z'],
    ['result'],
  ],
  'weights.dtype': ['f32', 'f16', 'bf16', 'int8', 'int4'],
  'weights.group': [32, 64],
  'weights.embeddings': ['kept', 'quantized'],
  'attention.score': ['s * 2', 's - 1'],
  'attention.mask.where': ['q - k < 3', 'q - k < 4'],
  'attention.functions': [{ twice: { body: 's * 2' } }, { twice: { body: 's + s' } }],
  'attention.parameters': [{ slope: { axes: ['h'] } }, { slope: { axes: ['kv'] } }],
  'attention.rope.scaling.short_factor': [
    [1, 1, 1, 1],
    [1, 2, 2, 2],
  ],
  'attention.rope.scaling.long_factor': [
    [1, 1, 1, 1],
    [1, 2, 2, 2],
  ],
  'layers.kinds': [{ a: {} }, { a: { attention: { kv_heads: 1 } } }],
  'layers.pattern': [['near'], ['full', 'near']],
  'weights.file': ['a.safetensors', 'b.safetensors'],
  'weights.names': [
    { 'attn.q.weight': 'one' },
    { 'attn.q.weight': 'other' },
    { 'embed.weight': 'one' },
    { 'embed.weight': 'other' },
  ],
};

/** Values that differ in what they mean, of which some may be refused beside other options. */
export function valuesOf({ path, option }: Leaf): readonly PrintableValue[] {
  const own = special[path.join('.')];
  if (own !== undefined) return own;
  switch (option.kind) {
    case 'boolean':
      return [false, true];
    case 'enum':
      return option.values;
    case 'integer':
      return [1, 2, 4, 8, 16, 20].filter((value) => value >= option.min && value <= option.max);
    case 'number':
      return [0.25, 0.5, 2, 3, ...(option.word === undefined ? [] : [option.word])];
    case 'list':
      return option.ordering
        ? [option.values, [...option.values].reverse()]
        : [[], ...option.values.map((value) => [value])];
    case 'integers':
      return [[0], [1], [0, 2]];
    default:
      throw new Error(`${path.join('.')} needs values of its own`);
  }
}

/** The spec with one option set; maps on the way to it get what they require. */
export function withOption(spec: PrintableSpec, path: readonly string[], value: PrintableValue): PrintableSpec {
  return setIn({ map: options, around: [] }, spec, path, value);
}

interface Place {
  readonly map: MapOption;
  readonly around: readonly string[];
}

function setIn(
  { map, around }: Place,
  spec: PrintableSpec,
  path: readonly string[],
  value: PrintableValue,
): PrintableSpec {
  const [key = '', ...rest] = path;
  if (rest.length === 0) return { ...spec, [key]: value };
  const child = map.entries[key];
  if (child?.kind !== 'map') throw new Error(`${key} is no map`);
  const place = { map: child, around: [...around, key] };
  return { ...spec, [key]: setIn(place, mapAt(place, spec[key]), rest, value) };
}

function mapAt({ map, around }: Place, value: PrintableValue | undefined): PrintableSpec {
  if (typeof value === 'object' && !Array.isArray(value)) return value as PrintableSpec;
  if (value !== undefined && map.shorthand !== undefined) return { [map.shorthand]: value };
  const required = Object.entries<OptionNode>(map.entries).filter(([, entry]) => entry.required);
  return Object.fromEntries(
    required.map(([key, option]) => [key, valuesOf({ path: [...around, key], option }).at(-1) ?? 1]),
  );
}
