import { Document, isMap, isNode, type ScalarTag, type ToStringOptions, YAMLMap, YAMLSeq } from 'yaml';

/** A spec as a plain value: maps, lists, strings, numbers and booleans. */
export type PrintableSpec = { readonly [key: string]: PrintableValue };
export type PrintableValue = string | number | boolean | readonly PrintableValue[] | PrintableSpec;

export interface PrintOptions {
  /** Comment lines at the top, without `#`. */
  readonly heading?: readonly string[];
  /** Remarks at the end of a line, by path of keys (`attention.rope`). */
  readonly comments?: ReadonlyMap<string, string>;
}

/** Maps that are always printed one key a line; all others are short and printed in one line. */
const blockMaps = new Set(['', 'model', 'attention', 'weights', 'weights.names']);

/** Spec YAML in the house form: keys in the order of the value, short maps and lists in one line, `1e6` rather than `1000000`. */
export function printYaml(spec: PrintableSpec, options: PrintOptions = {}): string {
  const document = new Document(spec, {
    customTags: (tags) => [houseNumber, ...tags],
    aliasDuplicateObjects: false,
  });
  if (isMap(document.contents)) styleMap(document.contents, '', options.comments ?? new Map());
  const heading = (options.heading ?? []).map((line) => `# ${line.replace(/[\r\n]+/g, ' ')}\n`).join('');
  return heading + document.toString(layout);
}

const layout: ToStringOptions = { lineWidth: 0, flowCollectionPadding: true };

function styleMap(map: YAMLMap, path: string, comments: ReadonlyMap<string, string>): void {
  map.flow = !blockMaps.has(path);
  for (const pair of map.items) {
    const key = path === '' ? String(pair.key) : `${path}.${pair.key}`;
    if (pair.value instanceof YAMLSeq) pair.value = houseList(pair.value);
    const value = pair.value;
    if (!isNode(value)) continue;
    if (value instanceof YAMLMap) styleMap(value, key, comments);
    const comment = comments.get(key);
    if (comment !== undefined && !map.flow) value.comment = ` ${comment.replace(/[\r\n]+/g, ' ')}`;
  }
}

/** Very large and very small numbers in exponent form when that is shorter. */
export function formatNumber(value: number): string {
  const decimal = String(value);
  const size = Math.abs(value);
  if (size === 0 || (size < 1e6 && size >= 1e-3)) return decimal;
  const exponent = value.toExponential().replace('e+', 'e');
  return exponent.length < decimal.length ? exponent : decimal;
}

const houseNumber: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number',
  // Among the tags of a value those with a test come first; nothing is ever resolved with this one.
  test: /(?!)/,
  resolve: (text) => Number(text),
  stringify: ({ value }) => formatNumber(Number(value)),
};

/** `[up, gate]`: lists have no padding inside the brackets, maps have; the library's option is for both. */
class HouseList extends YAMLSeq {
  override flow = true;

  override toString(...[context, onComment, onChompKeep]: Parameters<YAMLSeq['toString']>): string {
    return super.toString(context && { ...context, flowCollectionPadding: '' }, onComment, onChompKeep);
  }
}

function houseList(list: YAMLSeq): HouseList {
  const house = new HouseList();
  house.items = list.items;
  return house;
}
