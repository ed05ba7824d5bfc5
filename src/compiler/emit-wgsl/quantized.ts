import type { QuantizedStorage } from '../plan/plan-base.ts';
import { type Binding, buffer } from './kernel.ts';
import { wgsl } from './wgsl.ts';

interface Codes {
  /** Bits of a code. */
  readonly bits: 4 | 8;
  /** The code that stands for zero. */
  readonly zero: number;
  /** Where each of four codes begins in a word, for those that lie within its first 23 bits. */
  readonly places: readonly [number, number, number, number];
  /** What is taken of a word before: the codes of the upper half come from the bits above 16. */
  readonly halves: string;
}

const codesOf: Readonly<Record<QuantizedStorage['dtype'], Codes>> = {
  int8: { bits: 8, zero: 128, places: [0, 8, 0, 8], halves: 'vec4u(bits, bits, bits >> 16u, bits >> 16u)' },
  int4: { bits: 4, zero: 8, places: [0, 4, 8, 12], halves: 'vec4u(bits)' },
};

/**
 * `fn int8_quad(bits: u32) -> vec4f`, `fn int4_quad`: four codes from the lowest bits on, as numbers around zero. A code within the mantissa
 * of a power of two adds itself to it, where the last bit of the code counts as one: taking the power and the zero away makes a number
 * of it without a shift or a conversion, of which a GPU does fewer at a time.
 */
function quadFunction(dtype: QuantizedStorage['dtype']): string {
  const { bits, zero, places, halves } = codesOf[dtype];
  const words = (word: (place: number) => number) =>
    `vec4u(${places.map((place) => `0x${word(place).toString(16)}u`).join(', ')})`;
  const masks = words((place) => (2 ** bits - 1) << place);
  const powers = words((place) => (127 + 23 - place) << 23);
  const zeros = places.map((place) => `${2 ** (23 - place) + zero}.0`).join(', ');
  return wgsl`
    fn ${dtype}_quad(bits: u32) -> vec4f {
      return bitcast<vec4f>((${halves} & ${masks}) | ${powers}) - vec4f(${zeros});
    }`;
}

/** The word that holds the scale of `group`. Rows are whole groups, so groups are counted over all rows; `words` of 32 bits make an element. */
const scaleWord = (name: string, { scalesAt }: QuantizedStorage, words: number): string =>
  words === 1
    ? `${name}[${scalesAt}u + group / 2u]`
    : `${name}[${scalesAt / words}u + group / ${2 * words}u][group / 2u % ${words}u]`;

const scaleFunction = (name: string, storage: QuantizedStorage, words: number): string => wgsl`
  fn ${name}_scale(group: u32) -> f32 {
    return unpack2x16float(${scaleWord(name, storage, words)})[group % 2u];
  }`;

/** As `loader`, for integers, and what it calls. */
export function quantizedLoader(name: string, storage: QuantizedStorage): readonly string[] {
  const { dtype, group } = storage;
  const word = codesOf[dtype].bits === 8 ? `${name}[index]` : `${name}[index / 2u] >> (16u * (index % 2u))`;
  return [
    quadFunction(dtype),
    scaleFunction(name, storage, 1),
    wgsl`
      fn load_${name}(index: u32) -> vec4f {
        return ${name}_scale(index / ${group / 4}u) * ${dtype}_quad(${word});
      }`,
  ];
}

/**
 * `fn int4_quads(bits: u32) -> mat2x4f`: as `int4_quad`, the eight codes of a word as two quads. Codes four apart are one number of two f16
 * after the other, so that half as many steps make them, and the numbers are as exact.
 */
const int4Quads = wgsl`
  fn int4_quads(bits: u32) -> mat2x4f {
    let rest = bits >> 8u;
    let a = bitcast<vec2h>((bits & 0x000f000fu) | 0x64006400u) - 1032.0h;
    let b = bitcast<vec2h>((bits & 0x00f000f0u) | 0x54005400u) - 72.0h;
    let c = bitcast<vec2h>((rest & 0x000f000fu) | 0x64006400u) - 1032.0h;
    let d = bitcast<vec2h>((rest & 0x00f000f0u) | 0x54005400u) - 72.0h;
    return mat2x4f(vec4f(vec4h(a.x, b.x, c.x, d.x)), vec4f(vec4h(a.y, b.y, c.y, d.y)));
  }`;

/** How blocks of two quads or four become f16 in two steps: what is fetched is not touched before it is needed, so that nothing waits for it. */
export interface HalvesParts {
  readonly functions: readonly string[];
  /** A function of a block that gives a vec4u. */
  readonly fetch: string;
  /** The f16 of what was fetched, a vec4u for each eight of them. */
  readonly ofFetched: (fetched: string) => readonly string[];
}

/** `fn int8_halves(words: vec2u, scale: f16) -> vec4u`, `fn int4_halves`: eight codes as f16. They are exact until they are scaled, which rounds once. */
const halvesFunctions: Readonly<Record<QuantizedStorage['dtype'], string>> = {
  int8: wgsl`
    fn int8_halves(words: vec2u, scale: f16) -> vec4u {
      let even = scale * (bitcast<vec4h>((words & vec2u(0x00ff00ffu)) | vec2u(0x64006400u)) - 1152.0h);
      let odd = scale * (bitcast<vec4h>(((words >> vec2u(8u)) & vec2u(0x00ff00ffu)) | vec2u(0x64006400u)) - 1152.0h);
      return vec4u(
        bitcast<vec2u>(vec4h(even.x, odd.x, even.y, odd.y)),
        bitcast<vec2u>(vec4h(even.z, odd.z, even.w, odd.w)),
      );
    }`,
  int4: wgsl`
    fn int4_halves(word: u32, scale: f16) -> vec4u {
      let rest = word >> 8u;
      let a = scale * (bitcast<vec2h>((word & 0x000f000fu) | 0x64006400u) - 1032.0h);
      let b = scale * (bitcast<vec2h>((word & 0x00f000f0u) | 0x54005400u) - 72.0h);
      let c = scale * (bitcast<vec2h>((rest & 0x000f000fu) | 0x64006400u) - 1032.0h);
      let d = scale * (bitcast<vec2h>((rest & 0x00f000f0u) | 0x54005400u) - 72.0h);
      return vec4u(
        bitcast<vec2u>(vec4h(a.x, b.x, c.x, d.x)),
        bitcast<vec2u>(vec4h(a.y, b.y, c.y, d.y)),
      );
    }`,
};

/** Of eight codes, or sixteen of int4. */
export function halvesOfCodes(name: string, storage: QuantizedStorage, blockQuads: number): HalvesParts {
  const { dtype, group } = storage;
  const words = (blockQuads * codesOf[dtype].bits) / 8;
  const own = dtype === 'int4' ? ['x', 'y'].slice(0, words) : ['xy'];
  const fetch = wgsl`
    /** Codes, a word with their scale, and where it is in there. */
    fn ${name}_codes(block: u32) -> vec4u {
      let group = block / ${group / (4 * blockQuads)}u;
      return vec4u(${name}[block], ${words === 1 ? '0u, ' : ''}${scaleWord(name, storage, words)}, 16u * (group % 2u));
    }`;
  const scale = wgsl`
    fn ${name}_scale(fetched: vec4u) -> f16 {
      return bitcast<vec2h>(fetched.z >> fetched.w).x;
    }`;
  return {
    functions: [halvesFunctions[dtype], fetch, scale],
    fetch: `${name}_codes`,
    ofFetched: (fetched) => own.map((part) => `${dtype}_halves(${fetched}.${part}, ${name}_scale(${fetched}))`),
  };
}

/** Several quads at a time: what a load of a block brings is `raw`. */
export interface QuantizedBlock {
  readonly binding: Binding;
  /** Last comes `fn NAME_scale(group: u32) -> f32`. */
  readonly functions: readonly string[];
  /** The group of a block. */
  readonly group: string;
  /** Statements before the quads. */
  readonly unpack: readonly string[];
  /** The quads before their scale is applied. */
  readonly quads: readonly string[];
}

export function quantizedBlock(name: string, storage: QuantizedStorage, blockQuads: number): QuantizedBlock {
  const { dtype, group, byHalves } = storage;
  const { bits } = codesOf[dtype];
  const words = (blockQuads * bits) / 8;
  const raw = [...Array(words).keys()].map((word) => (words === 1 ? 'raw' : `raw.${'xyzw'[word]}`));
  const blocksOfGroup = group / (4 * blockQuads);
  const quads = byHalves ? quadsByHalves(raw) : { function: quadFunction(dtype), ...quadsOfWords(dtype, raw) };
  return {
    binding: buffer(name, words === 1 ? 'u32' : `vec${words}u`),
    functions: [quads.function, scaleFunction(name, storage, words)],
    group: blocksOfGroup === 1 ? 'block' : `block / ${blocksOfGroup}u`,
    unpack: quads.unpack,
    quads: quads.quads,
  };
}

function quadsOfWords(dtype: QuantizedStorage['dtype'], raw: readonly string[]) {
  const halves = (word: string) => (codesOf[dtype].bits === 8 ? [word] : [word, `${word} >> 16u`]);
  return { unpack: [], quads: raw.flatMap(halves).map((bits) => `${dtype}_quad(${bits})`) };
}

function quadsByHalves(raw: readonly string[]) {
  return {
    function: int4Quads,
    unpack: raw.map((word, index) => `let quads${index} = int4_quads(${word});`),
    quads: raw.flatMap((_, index) => [`quads${index}[0]`, `quads${index}[1]`]),
  };
}
