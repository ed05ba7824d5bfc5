import { quads } from '../plan/extents.ts';
import type { KeyStorage, MatrixStorage, RowStorage, Storage } from '../plan/plan-base.ts';
import { type Binding, buffer, floats, words } from './kernel.ts';
import { quantizedLoader } from './quantized.ts';
import { wgsl } from './wgsl.ts';

/** Store type of a buffer whose elements are accessed four at a time. */
const elementOf: Readonly<Record<Storage, string>> = {
  f32: 'vec4f',
  f16: 'vec4h',
  'f16-packed': 'vec2u',
  'bf16-packed': 'vec2u',
};

/** Four entries of 16 bits from the two words that hold them. */
const decodeWords: Readonly<Record<Exclude<Storage, 'f32'>, (low: string, high: string) => string>> = {
  f16: (low, high) => `vec4f(bitcast<vec4h>(vec2u(${low}, ${high})))`,
  'f16-packed': (low, high) => `vec4f(unpack2x16float(${low}), unpack2x16float(${high}))`,
  'bf16-packed': (low, high) =>
    `bitcast<vec4f>(vec4u(${low} << 16u, ${low} & 0xffff0000u, ${high} << 16u, ${high} & 0xffff0000u))`,
};

const decode: Readonly<Record<Storage, (raw: string) => string>> = {
  f32: (raw) => raw,
  f16: (raw) => `vec4f(${raw})`,
  'f16-packed': (raw) => decodeWords['f16-packed'](`${raw}.x`, `${raw}.y`),
  'bf16-packed': (raw) => decodeWords['bf16-packed'](`${raw}.x`, `${raw}.y`),
};

/** The two quads that a load of 16 bytes brought. */
export const decodedPair = (storage: Exclude<Storage, 'f32'>, raw: string): readonly string[] => [
  decodeWords[storage](`${raw}.x`, `${raw}.y`),
  decodeWords[storage](`${raw}.z`, `${raw}.w`),
];

/** A quad as f16, in the two words that hold it. */
export const halfQuad = (quad: string): string => `bitcast<vec2u>(vec4h(${quad}))`;

/** Two quads as f16, in the four words that hold them. */
export const halvesOf = (quads: readonly string[]): string => `vec4u(${quads.map(halfQuad).join(', ')})`;

const encode: Readonly<Record<RowStorage, (value: string) => string>> = {
  f32: (value) => value,
  f16: (value) => `vec4h(${value})`,
  'f16-packed': (value) => `vec2u(pack2x16float(${value}.xy), pack2x16float(${value}.zw))`,
};

export const enablesFor = (...storages: readonly (KeyStorage | MatrixStorage)[]): readonly 'f16'[] =>
  storages.some((storage) => storage === 'f16' || (typeof storage === 'object' && storage.byHalves)) ? ['f16'] : [];

/** A buffer read and written four elements at a time. */
export const vectorBinding = (name: string, storage: MatrixStorage, access: 'read' | 'read_write' = 'read'): Binding =>
  buffer(name, typeof storage === 'string' ? elementOf[storage] : 'u32', access);

/** The four elements at an index, decoded. */
const element = (name: string, storage: Storage, index: string): string =>
  storage === 'f32' || storage === 'f16'
    ? `return ${decode[storage](`${name}[${index}]`)};`
    : `let raw = ${name}[${index}];\nreturn ${decode[storage]('raw')};`;

/** Last comes `fn load_NAME(index: u32) -> vec4f`: the four elements at 4 · index. */
export function loader(name: string, storage: MatrixStorage): readonly string[] {
  if (typeof storage !== 'string') return quantizedLoader(name, storage);
  return [
    wgsl`
      fn load_${name}(index: u32) -> vec4f {
        ${element(name, storage, 'index')}
      }`,
  ];
}

/** Rows padded to four entries: `fn load_NAME(row: u32, quad: u32) -> vec4f`. */
export function paddedRowLoader(name: string, storage: Storage, width: number): string {
  return wgsl`
    fn load_${name}(row: u32, quad: u32) -> vec4f {
      ${element(name, storage, `row * ${quads(width)}u + quad`)}
    }`;
}

/** `fn store_NAME(index: u32, value: vec4f)`: writes the four elements at 4 · index. */
export function storer(name: string, storage: Storage): string {
  if (storage === 'bf16-packed') throw new Error(`${name}: nothing is written as bf16`);
  return wgsl`
    fn store_${name}(index: u32, value: vec4f) {
      ${name}[index] = ${encode[storage]('value')};
    }`;
}

/** Rows of activations, read and written four entries at a time; those whose width is not a multiple of four, entry by entry. */
export function rowsBinding(
  name: string,
  width: number,
  storage: RowStorage = 'f32',
  access: 'read' | 'read_write' = 'read',
): Binding {
  if (width % 4 === 0) return vectorBinding(name, storage, access);
  return storage === 'f32' ? floats(name, access) : words(name, access);
}

/** As `rowsBinding`, for rows that are written. */
export const rowsOutBinding = (name: string, width: number, storage: RowStorage = 'f32'): Binding =>
  rowsBinding(name, width, storage, 'read_write');

/** As `rowLoader`, for 16-bit floats, two in each u32: rows without padding may start in the middle of one. */
export function halfRowLoader(name: string, width: number): string {
  return wgsl`
    fn load_${name}(row: u32, quad: u32) -> vec4f {
      var value = vec4f(0);
      for (var e = 0u; e < 4u; e++) {
        let entry = quad * 4u + e;
        let index = row * ${width}u + entry;
        if (entry < ${width}u) {
          value[e] = unpack2x16float(${name}[index / 2u])[index % 2u];
        }
      }
      return value;
    }`;
}

/** `fn load_NAME(row: u32, quad: u32) -> vec4f`: entries 4 · quad … of a row of `width` entries, zero beyond its end. */
export function rowLoader(name: string, width: number, storage: RowStorage = 'f32'): string {
  if (width % 4 === 0) return paddedRowLoader(name, storage, width);
  if (storage !== 'f32') return halfRowLoader(name, width);
  return wgsl`
    fn load_${name}(row: u32, quad: u32) -> vec4f {
      var value = vec4f(0);
      for (var e = 0u; e < 4u; e++) {
        let entry = quad * 4u + e;
        if (entry < ${width}u) {
          value[e] = ${name}[row * ${width}u + entry];
        }
      }
      return value;
    }`;
}

/** `fn store_NAME(row: u32, quad: u32, value: vec4f)`: writes entries 4 · quad … of a row of `width` entries, none beyond its end. */
export function rowStorer(name: string, width: number, storage: RowStorage = 'f32'): string {
  if (width % 4 === 0) {
    return wgsl`
      fn store_${name}(row: u32, quad: u32, value: vec4f) {
        ${name}[row * ${width / 4}u + quad] = ${encode[storage]('value')};
      }`;
  }
  if (storage !== 'f32') return halfRowStorer(name, width);
  return wgsl`
    fn store_${name}(row: u32, quad: u32, value: vec4f) {
      for (var e = 0u; e < 4u; e++) {
        let entry = quad * 4u + e;
        if (entry < ${width}u) {
          ${name}[row * ${width}u + entry] = value[e];
        }
      }
    }`;
}

/** Two entries at a time: rows of an even width end with a whole word, so that no two of them write the same. */
function halfRowStorer(name: string, width: number): string {
  if (width % 2 > 0) throw new Error(`${name}: rows of ${width} f16 end within a word`);
  return wgsl`
    fn store_${name}(row: u32, quad: u32, value: vec4f) {
      ${name}[row * ${width / 2}u + quad * 2u] = pack2x16float(value.xy);
      if (quad * 2u + 1u < ${width / 2}u) {
        ${name}[row * ${width / 2}u + quad * 2u + 1u] = pack2x16float(value.zw);
      }
    }`;
}
